"""The openEO API over HTTP: accounts, collections, processes, graphs, jobs and their results."""

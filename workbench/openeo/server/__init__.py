"""The openEO API over HTTP: accounts, collections, processes, graphs, jobs and their results.

======================  ============================================================================
`store`                 users, tokens and users' processes, in one file
`passwords`             passwords as they are kept
`attempts`              how often somebody may try to sign in
`accounts`              passwords and tokens, checked
`grants`                requests of programs to act for a user
`sameuser`              who is at the other end of a connection on this machine
`backend`               a server's settings, and what is open while it runs
`answers`               answers as JSON, errors among them
`requests`              whose a request is, its JSON, the page that it asks for
`door`                  what every request passes
`capabilities`          what is told to everybody
`signin`                sign in by name and password
`provider`              OpenID Connect of the server itself
`verification`          the page on which a user agrees
`userprocesses`         processes of users, and graphs checked
`jobroutes`             batch jobs: kept, started, stopped, their logs
`results`               what jobs and synchronous requests give, and its download
`app`                   all of it as one application
`connections`           clients that open a connection and do not come to their request
`serving`               the server on the network
`cli`                   the commands `serve` and `user`
======================  ============================================================================
"""

"""Pictures of domains, scenes, tiles, trainings and embeddings."""

"""What moves: worker, supervisor, launcher, checkpoint, watermark, dead letters, statistics."""

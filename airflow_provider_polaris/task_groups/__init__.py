"""Task groups that age out and backfill tables."""

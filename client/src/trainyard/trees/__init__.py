"""Files of models' versions: listed, downloaded with their hashes, restored as a folder."""

"""What a pass costs, and the race to the authors' loss."""

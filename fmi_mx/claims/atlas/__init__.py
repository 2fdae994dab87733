"""What the atlas, the inversion of every filter, says of the paper's claims."""

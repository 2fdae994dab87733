"""The paper's claims, tested."""

"""What every room of the daemon uses and that knows no other room: posts, quantities, secrets, waiting, supervision."""

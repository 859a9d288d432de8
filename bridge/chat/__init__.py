"""What people do in a chat below a post: buttons, reactions, replies and commands, heard and carried out."""

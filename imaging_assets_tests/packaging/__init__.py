"""What is handed out: wheel and source archive, their metadata, and the licences of what they bring along."""

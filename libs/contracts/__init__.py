"""What Deskbus's services promise each other and the outside. Depends on msgspec alone."""

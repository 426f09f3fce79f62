"""How Deskbus is run: on a laptop (`local`), with compose, and on Kubernetes."""

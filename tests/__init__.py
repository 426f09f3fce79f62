"""The folder is the category: architecture, unit, ports (one suite for every implementation), integration, e2e."""

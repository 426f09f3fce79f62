"""The five services of Deskbus. None imports another: they speak over the bus."""

"""A symbolic model of the peer protocol: handshake and key update against an active attacker."""

enum Socks5Placeholder {}

package import GateModel

/// Where a client wants to go: an address or a name, and a port.
package struct Socks5Target: Hashable, Sendable {
    /// A literal address, or a name that only the exit resolves.
    package enum Host: Hashable, Sendable {
        case address(IPAddress)
        case name(String)
    }

    package let host: Host
    /// Never 0.
    package let port: UInt16

    /// The longest name that DNS allows.
    package static let nameBytesMax = Endpoint.hostBytesMax

    /// `nil` for port 0.
    package init?(address: IPAddress, port: UInt16) {
        guard port != 0 else { return nil }
        self.host = .address(address)
        self.port = port
    }

    /// `nil` for port 0 and for names that are empty, too long, or have a character no host name has. An IPv4 literal
    /// or an IPv6 literal stays a name here; the exit reads it as the address it is.
    package init?(name: some Collection<UInt8>, port: UInt16) {
        guard port != 0, !name.isEmpty, name.count <= Socks5Target.nameBytesMax, name.allSatisfy(isNameByte) else {
            return nil
        }
        self.host = .name(String(decoding: name, as: UTF8.self))
        self.port = port
    }
}

private func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: ":"):
        true
    default: false
    }
}

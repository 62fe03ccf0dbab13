package import GateModel
package import NIOCore

extension IPAddress {
    /// The address with a port, as sockets name it; `nil` never happens for the bytes of an address.
    package func socketAddress(port: UInt16) -> SocketAddress? {
        try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: Int(port))
    }
}

extension SocketAddress {
    /// The address without its port; an IPv4 peer of a dual-stack socket counts as IPv4. `nil` for a local socket.
    package var ip: IPAddress? {
        // `sockaddr_in` holds its address at bytes 4-7, `sockaddr_in6` at bytes 8-23, in network order.
        let held = withSockAddr { pointer, length in
            let bytes = UnsafeRawBufferPointer(start: pointer, count: length)
            switch self {
            case .v4: return IPAddress(bytes: bytes[4..<8])
            case .v6: return IPAddress(bytes: bytes[8..<24])
            case .unixDomainSocket: return nil
            }
        }
        if case .v6(0, let low)? = held, low >> 32 == 0xffff { return held?.embeddedIPv4 }
        return held
    }
}

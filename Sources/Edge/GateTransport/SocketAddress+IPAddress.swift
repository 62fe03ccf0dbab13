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
        let held: IPAddress? = withSockAddr { pointer, length in
            let bytes = UnsafeRawBufferPointer(start: pointer, count: length)
            switch self {
            case .v4: return .v4(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
            case .v6:
                return .v6(
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)))
            case .unixDomainSocket: return nil
            }
        }
        if case .v6(0, let low)? = held, low >> 32 == 0xffff { return held?.embeddedIPv4 }
        return held
    }
}

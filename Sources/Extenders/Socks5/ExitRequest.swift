import GateModel
package import NIOCore

/// The first bytes of a stream from a client's `socks5` to an exit's: where to connect.
///
/// | bytes | field |
/// | --- | --- |
/// | 1 | version, 1 |
/// | 1 | kind: 4 IPv4, 6 IPv6, 3 name |
/// | 2 | port, big-endian, not 0 |
/// | 4, 16, or 1 + 1…253 | address; or length and name |
///
/// The client's first bytes for the target may follow at once. The answer is ``ExitAnswer``.
package enum ExitRequest {
    package static let version: UInt8 = 1
    /// The longest request.
    package static let bytesMax = 1 + 1 + 2 + 1 + Socks5Target.nameBytesMax

    /// Appends the request for `target`.
    package static func encode(_ target: Socks5Target, into buffer: inout ByteBuffer) {
        switch target.host {
        case .address(let address):
            let bytes = address.bytes
            buffer.writeMultipleIntegers(version, bytes.count == 4 ? Kind.v4 : Kind.v6, target.port)
            buffer.writeBytes(bytes)
        case .name(let name):
            buffer.writeMultipleIntegers(version, Kind.name, target.port, UInt8(truncatingIfNeeded: name.utf8.count))
            buffer.writeString(name)
        }
    }

    /// Reads a request from the front of `input`; `nil` while it is not whole; throws when it can't become one.
    package static func decode(_ input: inout ByteBuffer) throws(ExitRequestFailure) -> Socks5Target? {
        let start = input.readerIndex
        guard let version = input.getInteger(at: start, as: UInt8.self) else { return nil }
        guard version == self.version else { throw .unknownVersion }
        guard let head = input.getBytes(at: start, length: 5) else { return nil }
        let port = UInt16(head[2]) << 8 | UInt16(head[3])
        let length: Int
        switch head[1] {
        case Kind.v4: length = 4
        case Kind.v6: length = 16
        case Kind.name: length = Int(head[4])
        default: throw .malformed
        }
        let hostStart = head[1] == Kind.name ? 5 : 4
        guard let host = input.getBytes(at: start + hostStart, length: length) else { return nil }
        let target =
            head[1] == Kind.name
            ? Socks5Target(name: host, port: port)
            : IPAddress(bytes: host).flatMap { Socks5Target(address: $0, port: port) }
        guard let target else { throw .malformed }
        input.moveReaderIndex(forwardBy: hostStart + length)
        return target
    }

    private enum Kind {
        static let name: UInt8 = 3
        static let v4: UInt8 = 4
        static let v6: UInt8 = 6
    }
}

/// Why first bytes are no request.
package enum ExitRequestFailure: Error, Equatable {
    case unknownVersion
    case malformed
}

/// What an exit answers before the target's first byte.
///
/// | bytes | field |
/// | --- | --- |
/// | 1 | version, 1 |
/// | 1 | reply as in RFC 1928, 0 to 8; a finish follows all but 0 |
package enum ExitAnswer {
    package static let byteCount = 2

    /// The two bytes.
    package static func encode(_ reply: Socks5Reply) -> ByteBuffer {
        ByteBuffer(bytes: [ExitRequest.version, reply.rawValue])
    }

    /// Reads an answer from the front of `input`; `nil` while it is not whole; throws when it can't become one.
    package static func decode(_ input: inout ByteBuffer) throws(ExitRequestFailure) -> Socks5Reply? {
        guard let version = input.getInteger(at: input.readerIndex, as: UInt8.self) else { return nil }
        guard version == ExitRequest.version else { throw .unknownVersion }
        guard let bytes = input.getBytes(at: input.readerIndex, length: byteCount) else { return nil }
        guard let reply = Socks5Reply(rawValue: bytes[1]) else { throw .malformed }
        input.moveReaderIndex(forwardBy: byteCount)
        return reply
    }
}

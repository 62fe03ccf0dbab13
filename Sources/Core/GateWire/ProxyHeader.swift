package import GateModel
package import NIOCore

/// What a load balancer says of a connection before its first byte: the PROXY protocol, version 2 (haproxy.org,
/// `proxy-protocol.txt`, section 2.2).
///
/// | offset | bytes | what |
/// | --- | --- | --- |
/// | 0 | 12 | signature: `0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a` |
/// | 12 | 1 | high half: version, 2; low half: command, 0 = of the balancer itself (`LOCAL`), 1 = for a client (`PROXY`) |
/// | 13 | 1 | high half: 1 = IPv4, 2 = IPv6; low half: 1 = stream |
/// | 14 | 2 | length of what follows, 520 at most |
/// | 16 | 12 or 36 | address of the client, our address, the client's port, our port |
/// | after | | TLVs: type (1), length (2), value; they fill the length and are not used |
///
/// Everything else is refused: version 1 (text), datagrams, local sockets, a client without an address. Of a `LOCAL`
/// header only the length counts.
package enum ProxyHeader: Equatable, Sendable {
    /// The connection is a client's; this is where it came from.
    case client(IPAddress, port: UInt16)
    /// The connection is the balancer's own, such as a health check.
    case balancer

    /// The longest header that is taken: what fits the smallest segment that every path carries.
    package static let bytesMax = 536
    /// Signature, version, family and length.
    package static let fixedBytes = 16

    private static let signature: [UInt8] = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    ]

    /// Takes a whole header off the front; `nil`, with nothing taken, while more bytes are needed. Wrong bytes are
    /// refused as soon as they are there.
    package static func read(from input: inout ByteBuffer) throws(ProxyHeaderFault) -> ProxyHeader? {
        let start = input.readerIndex
        guard zip(signature, input.readableBytesView).allSatisfy({ $0 == $1 }) else { throw .signature }
        guard let command = input.getInteger(at: start + 12, as: UInt8.self) else { return nil }
        guard command >> 4 == 2 else { throw .version }
        guard command & 0xf <= 1 else { throw .command }
        guard let family = input.getInteger(at: start + 13, as: UInt8.self) else { return nil }
        let isClient = command & 0xf == 1
        let addressBytes = isClient ? try ProxyHeader.addressBytes(family: family) : 0
        guard let length = input.getInteger(at: start + 14, as: UInt16.self).map(Int.init) else { return nil }
        guard length <= bytesMax - fixedBytes, length >= 2 * addressBytes + (isClient ? 4 : 0) else { throw .length }
        guard let block = input.getSlice(at: start + fixedBytes, length: length) else { return nil }
        let header = isClient ? try client(block, addressBytes: addressBytes) : .balancer
        input.moveReaderIndex(forwardBy: fixedBytes + length)
        return header
    }

    private static func addressBytes(family: UInt8) throws(ProxyHeaderFault) -> Int {
        switch family {
        case 0x11: return 4
        case 0x21: return 16
        default: throw .family
        }
    }

    private static func client(_ block: ByteBuffer, addressBytes: Int) throws(ProxyHeaderFault) -> ProxyHeader {
        var block = block
        guard let source = block.readBytes(length: addressBytes), let address = IPAddress(bytes: source),
            block.readSlice(length: addressBytes) != nil, let port = block.readInteger(as: UInt16.self),
            block.readInteger(as: UInt16.self) != nil
        else { throw .length }
        while block.readableBytes > 0 {
            guard block.readInteger(as: UInt8.self) != nil,
                block.readLengthPrefixedSlice(as: UInt16.self) != nil
            else { throw .length }
        }
        return .client(address, port: port)
    }
}

/// Why bytes are no PROXY header that is taken here.
package enum ProxyHeaderFault: Error, Equatable, Sendable {
    /// They do not begin as one.
    case signature
    /// Of another version than 2.
    case version
    /// Neither `LOCAL` nor `PROXY`.
    case command
    /// A client that has no IPv4 or IPv6 address, or no stream.
    case family
    /// Too long, or too short for what it holds.
    case length
}

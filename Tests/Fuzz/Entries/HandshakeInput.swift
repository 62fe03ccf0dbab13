import GateModel
import GateSession
import GateTestKit
import NIOCore

/// Flights of the peer handshake as someone in between leaves them: whoever reads a changed one never has a session.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | which flight of three (÷ 2), and whether it is replaced (even) or overlaid (odd) |
/// | 2 | overlaid: from which byte on, big-endian, modulo the flight's length |
/// | … | the bytes |
enum HandshakeInput {
    static func run(_ bytes: [UInt8]) {
        guard let mode = bytes.first else { return }
        let flight = Int(mode / 2) % 3
        var pair = PeerPair(.seeded(1), .seeded(2))
        pair.start()
        if flight >= 1 { pair.deliverToAcceptor() }
        if flight == 2 { pair.deliverToDialler() }
        let honest = flight == 1 ? pair.toDialler : pair.toAcceptor
        let changed =
            mode % 2 == 0 ? ByteBuffer(bytes: bytes.dropFirst()) : overlaid(honest, bytes.dropFirst())
        if flight == 1 { pair.toDialler = changed } else { pair.toAcceptor = changed }
        let isHonest = changed.readableBytesView.starts(with: honest.readableBytesView)

        if flight == 1 { pair.deliverToDialler() } else { pair.deliverToAcceptor() }
        if flight == 0, !isHonest { precondition(pair.toDialler.readableBytes == 0, "a bad first flight gets no byte") }
        pair.run()

        if !isHonest { precondition(pair.acceptor.established == nil, "a changed flight makes no session") }
        if !isHonest, flight < 2 { precondition(pair.dialler.established == nil, "nor for the other side") }
    }

    private static func overlaid(_ honest: ByteBuffer, _ rest: ArraySlice<UInt8>) -> ByteBuffer {
        guard rest.count > 2, honest.readableBytes > 0 else { return honest }
        var flight = honest.bytes
        let start = (Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])) % flight.count
        for (index, byte) in zip(start..<flight.count, rest.dropFirst(2)) { flight[index] = byte }
        return ByteBuffer(bytes: flight)
    }

    /// The honest first flight, and overlays at the places where something else begins.
    static var seeds: [[UInt8]] {
        var pair = PeerPair(.seeded(1), .seeded(2))
        pair.start()
        let places: [[UInt8]] = [[0, 0], [0, 32], [0, 66], [4, 0]]
        return [[0] + pair.toAcceptor.bytes, [2] + pair.toAcceptor.bytes]
            + [1, 3, 5].flatMap { mode in places.map { [mode] + $0 + [0xff, 0] } }
    }
}

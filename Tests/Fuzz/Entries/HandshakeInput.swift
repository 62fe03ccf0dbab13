import GateCrypto
import GateModel
import GateSession
import GateTestKit
import NIOCore

/// Flights of the peer handshake as someone in between leaves them: whoever reads a changed one never has a session.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | which flight of 13 (÷ 2): three without a retry, five with one for a suite, five with one for a puzzle; whether it is replaced (even) or overlaid (odd) |
/// | 2 | overlaid: from which byte on, big-endian, modulo the flight's length |
/// | … | the bytes |
enum HandshakeInput {
    static func run(_ bytes: [UInt8]) {
        guard let mode = bytes.first else { return }
        let (retry, flight) = course(Int(mode / 2) % 13)
        var pair = begin(retry, flight)
        let isToDialler = flight % 2 == 1
        let honest = isToDialler ? pair.toDialler : pair.toAcceptor
        let changed =
            mode % 2 == 0 ? ByteBuffer(bytes: bytes.dropFirst()) : overlaid(honest, bytes.dropFirst())
        if isToDialler { pair.toDialler = changed } else { pair.toAcceptor = changed }
        let isHonest = changed.readableBytesView.starts(with: honest.readableBytesView)

        if isToDialler { pair.deliverToDialler() } else { pair.deliverToAcceptor() }
        if !isToDialler, !isHonest { precondition(pair.toDialler.readableBytes == 0, "a bad flight gets no byte") }
        pair.run()

        if !isHonest { precondition(pair.acceptor.established == nil, "a changed flight makes no session") }
        let isLast = flight == (retry == .none ? 2 : 4)
        if !isHonest, !isLast { precondition(pair.dialler.established == nil, "nor for the other side") }
    }

    /// What the responder wants otherwise.
    private enum Retry { case none, suite, puzzle }

    private static func course(_ number: Int) -> (Retry, flight: Int) {
        switch number {
        case ..<3: (.none, number)
        case ..<8: (.suite, number - 3)
        default: (.puzzle, number - 8)
        }
    }

    /// Two nodes with a flight of theirs, counted from 0, under way.
    private static func begin(_ retry: Retry, _ flight: Int) -> PeerPair {
        let ben = TestNode.seeded(2)
        switch retry {
        case .none: break
        case .suite:
            ben.environment.suites = SuitePreferences(
                only: NoiseSuite(kem: .mlkem1024, cipher: .chaChaPoly, hash: .blake2b))
        case .puzzle: ben.load()
        }
        var pair = PeerPair(.seeded(1), ben)
        pair.start()
        for number in 0..<flight {
            number % 2 == 1 ? pair.deliverToDialler() : pair.deliverToAcceptor()
            pair.solve()
        }
        return pair
    }

    private static func overlaid(_ honest: ByteBuffer, _ rest: ArraySlice<UInt8>) -> ByteBuffer {
        guard rest.count > 2, honest.readableBytes > 0 else { return honest }
        var flight = honest.bytes
        let start = (Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])) % flight.count
        for (index, byte) in zip(start..<flight.count, rest.dropFirst(2)) { flight[index] = byte }
        return ByteBuffer(bytes: flight)
    }

    /// Honest openings and a retry, and overlays at the places where something else begins.
    static var seeds: [[UInt8]] {
        let opening = begin(.none, 0).toAcceptor.bytes
        let retry = begin(.suite, 1).toDialler.bytes
        let puzzle = begin(.puzzle, 1).toDialler.bytes
        let places: [[UInt8]] = [[0, 0], [0, 32], [0, 66], [4, 0]]
        return [[0] + opening, [2] + opening, [6] + opening, [8] + retry, [2] + retry, [18] + puzzle, [8] + puzzle]
            + stride(from: 1, to: 26, by: 2).flatMap { mode in places.map { [UInt8(mode)] + $0 + [0xff, 0] } }
    }
}

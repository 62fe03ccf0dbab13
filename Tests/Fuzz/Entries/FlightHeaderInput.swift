import GateCrypto
import GateWire
import NIOCore

/// Any bytes as an opened flight header: refused, or written as it was read.
enum FlightHeaderInput {
    static func run(_ bytes: [UInt8]) {
        let bytes = ByteBuffer(bytes: bytes)
        guard let header = FlightHeader(bytes) else { return }
        precondition(header.encoded == bytes, "one encoding")
        precondition(header.messageBytes <= header.bodyBytes, "a message lies in its body")
        precondition(
            header.kind == .handshake || [0, Puzzle.byteCount].contains(header.messageBytes),
            "a retry has a puzzle at most"
        )
        precondition(header.bodyBytes <= WireLimits.flightBodyBytesMax, "a body is bounded")
    }

    static let seeds: [[UInt8]] = [
        FlightHeader(
            versions: .spoken, pattern: .mutual, context: .peer, suite: [1, 1, 1], offers: [2, 2, 2],
            minute: 30_000_000, bodyBytes: 1500,
            messageBytes: 1300),
        FlightHeader(
            versions: PeerVersions(only: 15), pattern: .anonymous, context: .endToEnd, suite: [2, 2, 2],
            offers: [6, 6, 6], minute: 0,
            bodyBytes: WireLimits.flightBodyBytesMax, messageBytes: 0),
        FlightHeader(
            versions: PeerVersions(only: 2), kind: .retry, pattern: .mutual, context: .peer,
            suite: FlightHeader.noSuite, offers: [4, 2, 8], minute: 30_000_000, bodyBytes: 1400),
        FlightHeader(
            versions: PeerVersions(only: 2), kind: .retry, pattern: .mutual, context: .peer,
            suite: [1, 1, 1], offers: [6, 6, 14], minute: 30_000_000, bodyBytes: 1400, messageBytes: Puzzle.byteCount),
    ].map(\.encoded.bytes)
}

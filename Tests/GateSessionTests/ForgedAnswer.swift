import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore

/// A side of a handshake by hand, with a worker's own static key, and whatever a test puts into its payload.
struct ForgedAnswer {
    let responder: TestNode

    /// Answers an opening of `initiator`'s; `tail` gives what stands behind the choices, from the handshake hash.
    func answer(to opening: ByteBuffer, _ tail: (_ hash: [UInt8]) -> [UInt8]) throws -> ByteBuffer {
        let forger = FlightForger(dialled: responder)
        var rest = opening
        guard let seed = rest.readBytes(length: FlightMask.seedByteCount),
            let sealed = rest.readSlice(length: FlightHeader.byteCount + FlightMask.tagByteCount),
            let opened = try forger.mask(seed, 1).open(.header, sealed), let header = FlightHeader(opened),
            var body = try forger.mask(seed, 1).open(.body, rest),
            let message = body.readSlice(length: header.messageBytes), let suite = NoiseSuite(numbers: header.suite)
        else { throw FlightForger.NotAFlight() }
        var noise = try NoiseHandshake(
            pattern: header.pattern == .mutual ? .mutual : .anonymous, suite: suite, role: .responder,
            prologue: [header.context.rawValue] + header.choices, localStatic: responder.credentials.staticKey,
            slab: responder.environment.slab)
        _ = try noise.readMessage(message)
        var choices = header
        choices.versions = PeerVersions(only: header.versions.highest)
        var written = ByteBuffer()
        try noise.writeMessage(into: &written) { choices.choices + tail($0) }
        choices.messageBytes = written.readableBytes
        choices.bodyBytes = written.readableBytes
        let fresh = [UInt8](repeating: 8, count: FlightMask.seedByteCount)
        let mask = try forger.mask(fresh, 2)
        var flight = ByteBuffer(bytes: fresh)
        mask.seal(.header, choices.encoded, into: &flight)
        mask.seal(.body, written, into: &flight)
        return flight
    }
}

import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore

/// What stands in the sealed payload of an answer or a last flight, behind the choices: certificate, signature of the
/// handshake, proof of resumption. The writer has the worker's keys of an honest node.
///
/// First byte: bit 0 the last flight instead of the answer; bit 1 the nodes have ML-DSA identities; bit 2 the honest
/// certificate and signature come first. Then the bytes.
enum HandshakePayloadInput {
    private static let wall = ManualClock().wall
    /// As many bytes as a flight has room for, behind an honest certificate and signature, and without.
    private static let restBytesMax = (behind: 4096, alone: 12_000)

    static func run(_ bytes: [UInt8]) {
        guard let mode = bytes.first else { return }
        let isPostQuantum = mode & 2 != 0
        let (ada, ben) = (node(1, isPostQuantum), node(2, isPostQuantum))
        let payload = Payload(
            writer: mode & 1 == 0 ? ben : ada, startsHonest: mode & 4 != 0,
            rest: Array(bytes.dropFirst().prefix(mode & 4 != 0 ? restBytesMax.behind : restBytesMax.alone)))
        let step = honest { try mode & 1 == 0 ? answer(payload, ada, ben) : last(payload, ada, ben) }
        guard step == .complete else { return }
        let proofBytes = mode & 1 == 0 ? [0] : [0, ResumptionProof.encodedBytes]
        let certificateBytes = payload.writer.credentials.certificate.count
        if mode & 4 != 0 {
            precondition(
                proofBytes.contains(payload.rest.count), "behind certificate and signature is a proof, or nothing")
        } else {
            precondition(!isPostQuantum, "who can't sign the handshake has no session")
            precondition(
                payload.rest.starts(with: payload.writer.credentials.certificate)
                    && proofBytes.contains(payload.rest.count - certificateBytes), "a certificate is a node's own")
        }
    }

    /// A node with surroundings of its own for one handshake.
    private struct Party {
        let credentials: WorkerCredentials
        let environment: SessionEnvironment

        var node: NodeUUID { credentials.node }
    }

    /// Of two nodes without ML-DSA identities, then of two with: made once, since signatures take their time.
    private static let credentials = [false, true].flatMap { isPostQuantum in
        [1, 2].map { number in honest { try TestNode(number, isPostQuantum: isPostQuantum) }.credentials }
    }

    private static func node(_ number: UInt8, _ isPostQuantum: Bool) -> Party {
        let credentials = credentials[Int(number) - 1 + (isPostQuantum ? 2 : 0)]
        let environment = SessionEnvironment(
            node: credentials.node, credentials: credentials, slab: honest { try SecretSlab() },
            random: FastRandom(seed: [UInt8](repeating: number, count: 32)), entropy: .seeded(UInt64(number)),
            remember: { _, _, _ in true })
        return Party(credentials: credentials, environment: environment)
    }

    private struct Payload {
        let writer: Party
        let startsHonest: Bool
        let rest: [UInt8]

        func bytes(_ choices: [UInt8], _ label: Label, signing hash: [UInt8]) -> [UInt8] {
            guard startsHonest else { return choices + rest }
            let signature = writer.credentials.postQuantumKey?.sign(label, hash) ?? []
            return choices + writer.credentials.certificate + signature + rest
        }
    }

    // MARK: Both sides by hand

    private static func answer(_ payload: Payload, _ ada: Party, _ ben: Party) throws -> Handshake.Step {
        var dialler = Handshake(
            dialling: ben.node, context: .peer, presence: .mutual(ada.credentials), environment: ada.environment)
        var (opening, unsaid) = (ByteBuffer(), ByteBuffer())
        _ = dialler.start(wall: wall, into: &opening)
        let (header, message) = try opened(opening, 1, ben)
        var noise = try noise(.responder, header, ben)
        _ = try noise.readMessage(message)
        var choices = header
        choices.versions = PeerVersions(only: header.versions.highest)
        var written = ByteBuffer()
        try noise.writeMessage(into: &written) {
            payload.bytes(choices.choices, .postQuantumResponder, signing: $0)
        }
        var flight = try sealed(choices, written, 2, ben)
        return dialler.received(&flight, wall: wall, admit: { _ in true }, into: &unsaid)
    }

    private static func last(_ payload: Payload, _ ada: Party, _ ben: Party) throws -> Handshake.Step {
        var acceptor = Handshake(accepting: [.peer], environment: ben.environment)
        let header = FlightHeader(
            versions: ada.environment.versions, pattern: .mutual, context: .peer, suite: NoiseSuite.standard.numbers,
            offers: ada.environment.suites.offers.bytes, minute: UInt32(truncatingIfNeeded: wall.seconds / 60))
        var noise = try noise(.initiator, header, ada)
        var written = ByteBuffer()
        try noise.writeMessage(into: &written)
        var opening = try sealed(header, written, 1, ben)
        var answer = ByteBuffer()
        _ = acceptor.received(&opening, wall: wall, admit: { _ in true }, into: &answer)
        let (answered, message) = try opened(answer, 2, ben)
        _ = try noise.readMessage(message)
        var choices = header
        choices.versions = answered.versions
        written.clear()
        try noise.writeMessage(into: &written) {
            payload.bytes(choices.choices, .postQuantumInitiator, signing: $0)
        }
        var flight = try sealed(choices, written, 3, ben)
        return acceptor.received(&flight, wall: wall, admit: { _ in true }, into: &answer)
    }

    private static func noise(_ role: NoiseRole, _ opening: FlightHeader, _ own: Party) throws -> NoiseHandshake {
        try NoiseHandshake(
            pattern: .mutual, suite: .standard, role: role, prologue: [opening.context.rawValue] + opening.choices,
            localStatic: own.credentials.staticKey, slab: own.environment.slab)
    }

    private struct NotAFlight: Error {}

    private static func mask(_ seed: [UInt8], _ number: UInt8, _ dialled: Party) throws -> FlightMask {
        try FlightMask(
            seed: seed, maskingKey: nil, dialled: dialled.node,
            direction: number.isMultiple(of: 2) ? .toInitiator : .toResponder, flight: number,
            in: dialled.environment.slab)
    }

    private static func opened(
        _ flight: ByteBuffer, _ number: UInt8, _ dialled: Party
    ) throws -> (FlightHeader, ByteBuffer) {
        var rest = flight
        guard let seed = rest.readBytes(length: FlightMask.seedByteCount),
            let sealed = rest.readSlice(length: FlightHeader.byteCount + FlightMask.tagByteCount)
        else { throw NotAFlight() }
        let mask = try mask(seed, number, dialled)
        guard let head = mask.open(.header, sealed), let header = FlightHeader(head),
            var body = mask.open(.body, rest), let message = body.readSlice(length: header.messageBytes)
        else { throw NotAFlight() }
        return (header, message)
    }

    private static func sealed(
        _ choices: FlightHeader, _ message: ByteBuffer, _ number: UInt8, _ dialled: Party
    ) throws -> ByteBuffer {
        var header = choices
        header.messageBytes = message.readableBytes
        header.bodyBytes = message.readableBytes
        let seed = [UInt8](repeating: 7 + number, count: FlightMask.seedByteCount)
        let mask = try mask(seed, number, dialled)
        var flight = ByteBuffer(bytes: seed)
        mask.seal(.header, header.encoded, into: &flight)
        mask.seal(.body, message, into: &flight)
        return flight
    }

    /// Honest payloads of both sides and kinds, with a proof, and with bytes that are none.
    static var seeds: [[UInt8]] {
        let proof = [UInt8](repeating: 3, count: ResumptionProof.encodedBytes)
        let certificates = [(UInt8(0), UInt8(2), false), (1, 1, false), (2, 2, true)].map {
            mode, number, isPostQuantum in
            [mode] + node(number, isPostQuantum).credentials.certificate
        }
        return [[4], [5], [6], [7], [5] + proof, [7] + proof, [4] + proof, [5] + proof + [0]] + certificates
    }
}

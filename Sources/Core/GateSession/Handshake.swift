package import GateCrypto
package import GateModel
package import GateWire
package import NIOCore

/// One handshake of the peer protocol, either side: masked flights around a Noise handshake.
///
///     initiator   idle ──start──▶ awaitingSecond ──flight 2 holds, admitted──▶ complete     (mutual: writes flight 3)
///     responder   awaitingFirst ──flight 1 opens──▶ awaitingThird ──flight 3 holds, admitted──▶ complete
///                                      └─ anonymous, admitted ─▶ complete                    (both write flight 2)
///     any         ──header does not open, stale, seen──▶ failed (discard)   ──anything else──▶ failed
///
/// | flight | bytes |
/// | --- | --- |
/// | 32 | seed, fresh |
/// | 34 | sealed ``FlightHeader`` |
/// | n + 16 | sealed body: Noise message, then padding |
///
/// Noise payloads: flight 1 none; flights 2 and 3 the flight's choices (14 bytes), then the sender's certificate; in
/// flight 3 of a peer's handshake a ``ResumptionProof`` may follow.
/// Prologue: context ‖ choices of flight 1. Input beyond the last flight is left for the session.
package struct Handshake: ~Copyable {
    /// What the caller does next. Bytes to send are appended to the output in any case.
    package enum Step: Equatable {
        /// Wait for more input.
        case needsMore
        /// ``finish()`` gives the secrets.
        case complete
        /// Answer nothing; read on for a random time and amount, then close.
        case discard
        /// Close without a word.
        case failed(SessionFailure)
    }

    enum Phase: Equatable { case idle, awaitingFirst, awaitingSecond, awaitingThird, complete, failed }

    /// Decides about a peer whose certificate holds (or that has none).
    package typealias Admission = (PeerClaim) -> Bool

    let role: SessionRole
    let environment: SessionEnvironment
    /// The node that the initiator dialled: masks go by it in both directions.
    let dialled: NodeUUID
    let contexts: [HandshakeContext]
    let presence: Presence
    var phase: Phase
    /// The header of flight 1.
    var choices: FlightHeader?
    /// The version that the responder chose, once it has.
    var version: UInt8?
    var noise: NoiseHandshake?
    var peer: SessionPeer?
    var reader = FlightReader()
    /// What the initiator wants to go on with; gone once flight 3 is written.
    var resumption: ResumptionClaim?
    /// What the responder was shown to go on with.
    var proof: ResumptionProof?

    /// The side that dials `node`; with `suite`, that one instead of the environment's favourite. A `resumption` goes
    /// along where the handshake is mutual.
    package init(
        dialling node: NodeUUID, context: HandshakeContext, presence: Presence, environment: SessionEnvironment,
        suite: NoiseSuite? = nil, resumption: consuming ResumptionClaim? = nil
    ) {
        self.resumption = resumption
        self.role = .initiator
        self.environment = environment
        self.dialled = node
        self.contexts = [context]
        self.presence = presence
        self.phase = .idle
        self.choices = FlightHeader(
            versions: environment.versions, pattern: presence.pattern, context: context,
            suite: (suite ?? environment.suites[0]).numbers,
            offers: environment.suites.offers, minute: 0)
    }

    /// The side that answers, for the given contexts only.
    package init(accepting contexts: [HandshakeContext], environment: SessionEnvironment) {
        self.role = .responder
        self.environment = environment
        self.dialled = environment.node
        self.contexts = contexts
        self.presence = .mutual(environment.credentials)
        self.phase = .awaitingFirst
    }

    /// Whether ``finish()`` may be called.
    package var isComplete: Bool { phase == .complete }

    /// The initiator's first flight; nothing for a responder.
    package mutating func start(wall: UnixTime, into output: inout ByteBuffer) -> Step {
        guard phase == .idle, var header = choices else { return phase == .awaitingFirst ? .needsMore : fail() }
        header.minute = UInt32(clamping: wall.minutes)
        choices = header
        guard let suite = NoiseSuite(numbers: header.suite) else { return fail(.noCommonSuite) }
        do throws(NoiseFailure) {
            noise = try makeNoise(suite, header)
            phase = .awaitingSecond
            return try writeFlight(1, header, payload: [], into: &output)
        } catch { return fail(error) }
    }

    /// Takes bytes of the other side's next flight off the input.
    package mutating func received(
        _ input: inout ByteBuffer, wall: UnixTime, admit: Admission, into output: inout ByteBuffer
    ) -> Step {
        switch phase {
        case .awaitingFirst, .awaitingSecond, .awaitingThird: break
        case .idle, .complete, .failed: return fail()
        }
        let direction: FlightMask.Direction = role == .initiator ? .toInitiator : .toResponder
        let number: UInt8 = phase == .awaitingFirst ? 1 : phase == .awaitingSecond ? 2 : 3
        do throws(SecretMemoryFailure) {
            if let header = try reader.header(&input, dialled, direction, number, environment) {
                if let refusal = judge(header, wall: wall, admit: admit) { return refusal }
            }
        } catch { return fail(.memory(error)) }
        switch reader.body(&input) {
        case .needsMore: return .needsMore
        case .unintelligible: return discard()
        case .flight(let header, let message):
            return received(header, message, wall: wall, admit: admit, into: &output)
        }
    }

    /// Ends a complete handshake.
    package consuming func finish() throws(SecretMemoryFailure) -> SessionSecrets {
        guard phase == .complete, let peer, let version, let context = choices?.context, let noise = noise.take()
        else {
            preconditionFailure("a handshake is finished once complete")
        }
        return try SessionSecrets(
            noise.finish(), peer: peer, context: context, version: version, proof: proof, slab: environment.slab)
    }

    // MARK: Ends

    mutating func fail(_ failure: SessionFailure = .handshakeFailed) -> Step {
        phase = .failed
        noise = nil
        return .failed(failure)
    }

    mutating func fail(_ failure: NoiseFailure) -> Step {
        switch failure {
        case .memory: fail(.closed(.overloaded))
        case .truncated, .oversized, .notAuthentic, .badKey, .outOfTurn: fail(.handshakeFailed)
        }
    }

    mutating func discard() -> Step {
        phase = .failed
        noise = nil
        return .discard
    }

    // MARK: Parts that both sides share

    /// The prologue binds the context and what the initiator chose and offered.
    func makeNoise(_ suite: NoiseSuite, _ first: FlightHeader) throws(NoiseFailure) -> NoiseHandshake {
        let pattern: NoisePattern
        let isShared = environment.sharedSecret != nil
        switch first.pattern {
        case .mutual: pattern = isShared ? .mutualShared : .mutual
        case .anonymous: pattern = isShared ? .anonymousShared : .anonymous
        }
        var key: StaticKey?
        if case .mutual(let credentials) = presence { key = credentials.staticKey }
        return try NoiseHandshake(
            pattern: pattern, suite: suite, role: role, prologue: [first.context.rawValue] + first.choices,
            localStatic: key, psks: environment.sharedSecret.map { [$0.psk] } ?? [], entropy: environment.entropy,
            slab: environment.slab)
    }

    mutating func writeFlight(
        _ number: UInt8, _ choices: FlightHeader, payload: [UInt8], into output: inout ByteBuffer
    ) throws(NoiseFailure) -> Step {
        var body = ByteBuffer()
        body.reserveCapacity(4096)
        try noise?.writeMessage(payload: payload, into: &body)
        var header = choices
        header.messageBytes = body.readableBytes
        let room = WireLimits.flightBodyBytesMax - body.readableBytes
        guard room >= 0 else { throw .oversized }
        body.writeRepeatingByte(0, count: min(room, environment.random(in: environment.settings.flightPadding)))
        header.bodyBytes = body.readableBytes
        let seed = environment.random.bytes(FlightMask.seedByteCount)
        do throws(SecretMemoryFailure) {
            let mask = try FlightMask(
                seed: seed, maskingKey: environment.sharedSecret?.maskingKey, dialled: dialled,
                direction: role == .initiator ? .toResponder : .toInitiator, flight: number, in: environment.slab)
            output.writeBytes(seed)
            mask.seal(.header, header.encoded, into: &output)
            mask.seal(.body, body, into: &output)
        } catch { throw .memory(error) }
        return .needsMore
    }
}

extension Presence {
    fileprivate var pattern: FlightHeader.Pattern {
        switch self {
        case .mutual: .mutual
        case .anonymous: .anonymous
        }
    }
}

extension UnixTime {
    var minutes: Int64 { seconds / 60 }
}

extension NoiseSuite {
    /// KEM, AEAD and hash by their numbers on the wire.
    var numbers: [UInt8] { [kem?.rawValue ?? 0, cipher.rawValue, hash.rawValue] }

    /// `nil` where a number means nothing here.
    init?(numbers: [UInt8]) {
        guard numbers.count == 3, let kem = NoiseKEM(rawValue: numbers[0]),
            let cipher = NoiseCipher(rawValue: numbers[1]), let hash = NoiseHash(rawValue: numbers[2])
        else { return nil }
        self.init(kem: kem, cipher: cipher, hash: hash)
    }
}

extension [NoiseSuite] {
    /// A bit for each KEM, AEAD and hash that any of the suites has.
    var offers: [UInt8] {
        reduce([0, 0, 0]) { offers, suite in
            zip(offers, suite.numbers).map { $0 | 1 << $1 }
        }
    }
}

import GateCrypto
import GateModel
import GateWire
import NIOCore

/// The root of a session's keys, and its replacement by both sides while records flow (article KeyUpdate).
///
///     standing ──due: request──▶ asking ──reply: switch──▶ switching ──both switched──▶ standing, next epoch
///        └──request: reply, switch──┼────────────────────────▲
///                                   └──request, as responder: reply, switch (its own request is dropped)
///
/// The session has the keys that are in use; this has those of the next epoch until each direction switches. At most one
/// update is under way, and what the other side sends out of turn breaks the protocol.
struct KeyUpdate: ~Copyable {
    enum Phase: Equatable { case standing, asking, switching }

    /// What the session does next.
    enum Step: Equatable {
        case none
        /// Queue these, in order; nothing of the epoch may follow a switch.
        case send([SessionMessage])
        case fail(SessionFailure)
    }

    /// A side begins nothing within this time after its last update finished.
    static let restTime: Duration = .seconds(2)
    /// Requests of the other side are not taken closer to each other. It had our answer between two of them, so no delay
    /// on the way brings requests of a side that rests closer.
    static let requestInterval: Duration = .seconds(1)

    /// The epoch in which both directions are, or were when the update began.
    private(set) var epoch: UInt32 = 0
    private(set) var phase = Phase.standing
    /// The root of the newest epoch that both sides know.
    private var root: Secret
    /// The resumption secret, once the root that it is derived from is gone.
    private var resumption: Secret?
    private var offer: HybridOffer?
    private var request: KeyShare?
    private var sending: RecordKeys?
    private var receiving: RecordKeys?
    /// Whether a request of the other side already lost the tie with the one under way.
    private var hasWon = false
    private var requestedAt: MonotonicInstant?
    private var timing: KeyTiming
    private let role: SessionRole
    private let suite: NoiseSuite
    private let kem: NoiseKEM
    private let isSpoken: Bool
    private let environment: SessionEnvironment

    /// Begins in epoch 0 with the handshake's root.
    init(
        root: consuming Secret, suite: NoiseSuite, established: Established, environment: SessionEnvironment,
        at now: MonotonicInstant
    ) {
        guard let kem = suite.kem else { preconditionFailure("a session's suite has a KEM") }
        self.root = root
        self.suite = suite
        self.kem = kem
        role = established.role
        isSpoken = established.version >= PeerVersions.keyUpdate
        self.environment = environment
        timing = KeyTiming(environment, at: now)
    }

    /// What proves, in a later handshake, that this session is to go on: of root 0, whatever epoch has come.
    func resumptionSecret() throws(SecretMemoryFailure) -> Secret {
        switch resumption {
        case .some(let secret): return try secret.copy()
        case .none:
            return try KeyDerivation.expand(
                suite.hash, key: root, label: .resumption, context: suite.numbers + [0, 0, 0, 0],
                count: ResumptionProof.secretBytes, in: environment.slab)
        }
    }

    // MARK: Time

    /// When to call ``deadlinePassed(at:sealed:)`` next, having sealed so many bytes in this epoch; `nil` where there are
    /// no updates.
    func nextDeadline(sealed: Int) -> MonotonicInstant? {
        guard isSpoken else { return nil }
        switch phase {
        case .standing: return sealed >= timing.volume ? timing.restsUntil : timing.due
        case .asking, .switching: return timing.finishBy
        }
    }

    /// Begins an update that is due, gives up one that takes too long.
    mutating func deadlinePassed(at now: MonotonicInstant, sealed: Int) -> Step {
        guard let deadline = nextDeadline(sealed: sealed), now >= deadline else { return .none }
        guard phase == .standing else { return .fail(.keyUpdateTimedOut) }
        do throws(NoiseFailure) {
            let offer = try HybridOffer(kem, entropy: environment.entropy, in: environment.slab)
            let request = KeyShare(
                epoch: epoch + 1, agreement: offer.agreementKey, encapsulation: offer.encapsulationKey)
            self.offer = consume offer
            self.request = request
            begin(.asking, at: now)
            return .send([.keyRequest(request)])
        } catch {
            // No memory now: the keys in use serve on.
            timing = KeyTiming(environment, at: now)
            return .none
        }
    }

    private mutating func begin(_ phase: Phase, at now: MonotonicInstant) {
        self.phase = phase
        timing.finishBy = now + environment.settings.keyUpdateTime
    }

    // MARK: Messages

    /// The other side asks.
    mutating func received(request: KeyShare, at now: MonotonicInstant) -> Step {
        guard isSpoken, phase != .switching, request.epoch == epoch + 1 else { return .fail(.protocolViolation) }
        if let requestedAt, now < requestedAt + KeyUpdate.requestInterval { return .fail(.limitExceeded) }
        requestedAt = now
        if phase == .asking {
            guard role == .responder else {
                guard !hasWon else { return .fail(.protocolViolation) }
                hasWon = true
                return .none
            }
            offer = nil
            self.request = nil
        }
        do throws(NoiseFailure) {
            let answer = try HybridAnswer(
                to: request.agreement, request.encapsulation, kem, entropy: environment.entropy, in: environment.slab)
            let reply = KeyShare(
                epoch: request.epoch, agreement: answer.agreementKey, encapsulation: answer.ciphertext)
            try replaceRoot(answer.secret, asker: role.other, request: request, reply: reply)
            begin(.switching, at: now)
            return .send([.keyReply(reply), .keySwitch(epoch: request.epoch)])
        } catch { return .fail(SessionFailure(update: error)) }
    }

    /// The other side answers.
    mutating func received(reply: KeyShare) -> Step {
        guard phase == .asking, reply.epoch == epoch + 1, let request = request.take(), let offer = offer.take() else {
            return .fail(.protocolViolation)
        }
        do throws(NoiseFailure) {
            let fresh = try offer.agree(with: reply.agreement, reply.encapsulation)
            try replaceRoot(fresh, asker: role, request: request, reply: reply)
            phase = .switching
            return .send([.keySwitch(epoch: reply.epoch)])
        } catch { return .fail(SessionFailure(update: error)) }
    }

    /// The other side seals with the keys of `epoch` from now on: the keys to open with; `nil` where it may not.
    mutating func received(switchTo epoch: UInt32, at now: MonotonicInstant) -> RecordKeys? {
        guard phase == .switching, epoch == self.epoch + 1, let keys = receiving.take() else { return nil }
        finishIfSwitched(at: now)
        return keys
    }

    /// The record with this side's switch is sealed: the keys to seal the next one with.
    mutating func switched(at now: MonotonicInstant) -> RecordKeys {
        guard let keys = sending.take() else { preconditionFailure("a switch is sent once, with the next keys known") }
        finishIfSwitched(at: now)
        return keys
    }

    private mutating func finishIfSwitched(at now: MonotonicInstant) {
        guard sending == nil, receiving == nil else { return }
        epoch += 1
        phase = .standing
        hasWon = false
        timing = KeyTiming(environment, at: now)
    }

    // MARK: Roots

    /// Derives everything of the next epoch, then forgets this one's root.
    private mutating func replaceRoot(
        _ fresh: borrowing Secret, asker: SessionRole, request: KeyShare, reply: KeyShare
    ) throws(NoiseFailure) {
        do throws(SecretMemoryFailure) {
            let slab = environment.slab
            let next = try KeyUpdate.root(
                after: root, fresh: fresh, suite: suite, asker: asker, request: request, reply: reply, slab: slab)
            let sending = try RecordKeys(
                root: next, suite: suite, direction: .sending(by: role), epoch: epoch + 1, slab: slab)
            let receiving = try RecordKeys(
                root: next, suite: suite, direction: .receiving(by: role), epoch: epoch + 1, slab: slab)
            if epoch == 0 { resumption = try resumptionSecret() }
            root = next
            self.sending = consume sending
            self.receiving = consume receiving
        } catch { throw .memory(error) }
    }

    /// HKDF-Expand(HKDF-Extract(old root, fresh), label ‖ suite ‖ asker ‖ epoch ‖ hash of request ‖ reply).
    static func root(
        after old: borrowing Secret, fresh: borrowing Secret, suite: NoiseSuite, asker: SessionRole, request: KeyShare,
        reply: KeyShare, slab: SecretSlab
    ) throws(SecretMemoryFailure) -> Secret {
        let mixed = try old.withUnsafeBytes { old throws(SecretMemoryFailure) in
            try fresh.withUnsafeBytes { fresh throws(SecretMemoryFailure) in
                try KeyDerivation.extract(suite.hash, salt: old, input: fresh, in: slab)
            }
        }
        var epoch = request.epoch.bigEndian
        let context =
            suite.numbers + [RecordDirection.sending(by: asker).rawValue] + withUnsafeBytes(of: &epoch) { Array($0) }
            + transcript(suite.hash, request, reply)
        return try KeyDerivation.expand(
            suite.hash, key: mixed, label: .keyUpdate, context: context, count: suite.hash.byteCount, in: slab)
    }

    private static func transcript(_ hash: NoiseHash, _ request: KeyShare, _ reply: KeyShare) -> [UInt8] {
        var (asked, answered) = (ByteBuffer(), ByteBuffer())
        MessageCodec.encode(.keyRequest(request), into: &asked)
        MessageCodec.encode(.keyReply(reply), into: &answered)
        return [UInt8](unsafeUninitializedCapacity: hash.byteCount) { digest, count in
            count = hash.byteCount
            let digest = UnsafeMutableRawBufferPointer(start: digest.baseAddress, count: count)
            asked.withUnsafeReadableBytes { asked in
                answered.withUnsafeReadableBytes { hash.hash(asked, $0, into: digest) }
            }
        }
    }
}

/// When keys are to be replaced: drawn at the beginning of each epoch, from the settings of that moment.
struct KeyTiming {
    /// When this side asks at the latest.
    let due: MonotonicInstant
    /// Until when this side asks for nothing.
    let restsUntil: MonotonicInstant
    /// How many bytes are sealed before this side asks.
    let volume: Int
    /// When an update under way has to be finished.
    var finishBy = MonotonicInstant(nanoseconds: .max)

    init(_ environment: SessionEnvironment, at now: MonotonicInstant) {
        let lifetime = environment.settings.keyLifetime
        restsUntil = now + KeyUpdate.restTime
        due = max(restsUntil, now + .milliseconds(environment.random(in: lifetime)))
        volume = environment.settings.keyVolume
    }
}

extension SessionRole {
    fileprivate var other: SessionRole { self == .initiator ? .responder : .initiator }
}

extension SessionFailure {
    /// What a key update that can't be done means to the session.
    fileprivate init(update failure: NoiseFailure) {
        switch failure {
        case .memory: self = .closed(.overloaded)
        case .truncated, .oversized, .notAuthentic, .badKey, .outOfTurn: self = .protocolViolation
        }
    }
}

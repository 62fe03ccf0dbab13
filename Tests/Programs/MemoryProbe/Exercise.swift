import Crypto
import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import Glibc
import NIOCore

/// What leaves secrets behind if anything does: a handshake, a session with messages and a key update, and every way of
/// allocating.
enum Exercise {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Does all of it; `whileAlive` runs once, with session and keys still there.
    @inline(never)
    static func run(_ watch: Watch, whileAlive: () -> Void) throws {
        try bareHandshake(watch)
        try session(watch, whileAlive: whileAlive)
        allocations(watch)
    }

    @inline(never)
    private static func bareHandshake(_ watch: Watch) throws {
        let slab = try SecretSlab()
        let psk = try secret(watch)
        var initiator = try NoiseHandshake(
            pattern: .mutualShared, suite: .standard, role: .initiator, prologue: [1],
            localStatic: StaticKey(secret: try secret(watch)), psks: [psk], entropy: entropy(watch), slab: slab)
        var responder = try NoiseHandshake(
            pattern: .mutualShared, suite: .standard, role: .responder, prologue: [1],
            localStatic: StaticKey(secret: try secret(watch)), psks: [psk], entropy: entropy(watch), slab: slab)
        for index in 0..<3 {
            var message = ByteBuffer()
            if index % 2 == 0 {
                try initiator.writeMessage(into: &message)
                _ = try responder.readMessage(message)
            } else {
                try responder.writeMessage(into: &message)
                _ = try initiator.readMessage(message)
            }
        }
        let outcome = initiator.finish()
        outcome.chainingKey.withUnsafeBytes { watch.add($0) }
        let root = try KeyDerivation.expand(
            key: outcome.chainingKey, label: .root, context: outcome.handshakeHash, count: 32, in: slab)
        root.withUnsafeBytes { watch.add($0) }
        let recordKey = try KeyDerivation.expand(key: root, label: .recordKey, count: 32, in: slab)
        recordKey.withUnsafeBytes { watch.add($0) }
        try records(recordKey)
    }

    /// Small and large records.
    private static func records(_ key: borrowing Secret) throws {
        for cipher in NoiseCipher.allCases {
            let records = RecordCipher(cipher, key: try key.copy())
            for count in [100, 60_000] {
                withUnsafeTemporaryAllocation(byteCount: count + RecordCipher.tagBytes, alignment: 16) { record in
                    record.initializeMemory(as: UInt8.self, repeating: 1)
                    records.seal(record, counter: 1, associated: noBytes)
                }
            }
        }
    }

    @inline(never)
    private static func session(_ watch: Watch, whileAlive: () -> Void) throws {
        let marker = watch.makeMarker()
        var clock = ManualClock()
        let (left, right) = (try environment(watch, clock.wall), try environment(watch, clock.wall))
        left.settings.keyLifetime = 2000...2000
        var dialler = PeerConnection(
            dialling: right.node, presence: .mutual(left.credentials), environment: left)
        var acceptor = PeerConnection(environment: right)
        var (toAcceptor, toDialler) = (ByteBuffer(), ByteBuffer())
        var (diallerEvents, acceptorEvents) = ([PeerEvent](), [PeerEvent]())
        acceptor.start(at: clock.now, wall: clock.wall, into: &toDialler, events: &acceptorEvents)
        dialler.start(at: clock.now, wall: clock.wall, into: &toAcceptor, events: &diallerEvents)
        for round in 0..<6 {
            var input = toAcceptor
            toAcceptor = ByteBuffer()
            acceptor.received(
                &input, at: clock.now, wall: clock.wall, admit: { _ in true }, into: &toDialler, events: &acceptorEvents
            )
            acceptor.seal(into: &toDialler, budget: 1 << 30)
            input = toDialler
            toDialler = ByteBuffer()
            dialler.received(
                &input, at: clock.now, wall: clock.wall, admit: { _ in true }, into: &toAcceptor, events: &diallerEvents
            )
            if round >= 2 { enqueue(marker, copies: round == 2 ? 1 : 4000, &dialler) }
            if round == 3 {
                clock.advance(by: .seconds(2))
                dialler.deadlinePassed(at: clock.now, events: &diallerEvents)
            }
            dialler.seal(into: &toAcceptor, budget: 1 << 30)
        }
        let kept = try Secret(count: 32, in: left.slab) { bytes in
            for place in 0..<32 { bytes[place] = marker[place] ^ Watch.mask }
        }
        guard messageCount(acceptorEvents) >= 2 else { throw Failure(description: "no session stood") }
        guard acceptorEvents.contains(.keysUpdated(epoch: 1)), diallerEvents.contains(.keysUpdated(epoch: 1)) else {
            throw Failure(description: "no keys were replaced")
        }
        whileAlive()
        kept.withUnsafeBytes { _ in }
    }

    private static func enqueue(_ marker: [UInt8], copies: Int, _ connection: inout PeerConnection) {
        var payload = ByteBuffer()
        for _ in 0..<copies { for byte in marker { payload.writeInteger(byte ^ Watch.mask) } }
        connection.enqueue(
            .message(ExtenderMessage(extender: ShippedExtender.socks5, id: UInt64(copies), payload: payload)))
    }

    private static func messageCount(_ events: [PeerEvent]) -> Int {
        events.count {
            if case .message(.message) = $0 { true } else { false }
        }
    }

    private static func environment(_ watch: Watch, _ wall: UnixTime) throws -> SessionEnvironment {
        let identity = try IdentityKey(
            seed: try secret(watch), postQuantumKey: PostQuantumKey(seed: try secret(watch)))
        let key = StaticKey(secret: try secret(watch))
        let postQuantumKey = PostQuantumKey(seed: try secret(watch))
        let certificate = WorkerCertificate.issue(
            by: identity, staticKey: key.publicKey, postQuantumKey: postQuantumKey.publicKey, worker: 1, now: wall,
            lifetimeSeconds: 3600)
        let node = identity.bundle.uuid
        return SessionEnvironment(
            node: node,
            credentials: WorkerCredentials(
                node: node, staticKey: key, certificate: certificate.encoded, postQuantumKey: postQuantumKey),
            slab: try SecretSlab(), random: FastRandom(), entropy: entropy(watch), remember: { _, _, _ in true })
    }

    private static func secret(_ watch: Watch) throws -> GuardedSecret {
        let secret = try GuardedSecret.random(count: 32)
        secret.withUnsafeBytes { watch.add($0) }
        return secret
    }

    /// The system's randomness, watched.
    private static func entropy(_ watch: Watch) -> HandshakeEntropy {
        let encapsulator = Encapsulator(
            generate: { kem in
                let key = try KEMPrivateKey.generate(kem)
                if case .mlkem768(let key) = key {
                    watch.add(key.seedRepresentation)
                }
                return key
            },
            encapsulate: { kem, publicKey, memory in
                try Encapsulator.system.encapsulate(kem, publicKey, memory)
                watch.add(UnsafeRawBufferPointer(memory.secret))
            })
        return HandshakeEntropy(encapsulator: encapsulator) { bytes in
            SystemEntropy.fill(bytes)
            watch.add(UnsafeRawBufferPointer(bytes))
        }
    }

    /// A marker in blocks of every kind that the C library gives, grown, shrunk and freed.
    @inline(never)
    private static func allocations(_ watch: Watch) {
        let marker = watch.makeMarker()
        func fill(_ block: UnsafeMutableRawPointer?, _ count: Int) {
            guard let block else { return }
            for place in 0..<count {
                block.storeBytes(of: marker[place % 32] ^ Watch.mask, toByteOffset: place, as: UInt8.self)
            }
        }
        var kept: [UnsafeMutableRawPointer] = []
        for count in [32, 64, 200, 1000, 5000, 100_000, 1_000_000] {
            var blocks: [UnsafeMutableRawPointer?] = [malloc(count), calloc(1, count)]
            var aligned: UnsafeMutableRawPointer?
            posix_memalign(&aligned, 256, count)
            blocks.append(aligned)
            for block in blocks { fill(block, count) }
            blocks[0] = realloc(blocks[0], count * 4)
            fill(blocks[0], count * 4)
            blocks[1] = realloc(blocks[1], count / 2)
            blocks[2] = realloc(blocks[2], count * 2)
            if let small = malloc(24) { kept.append(small) }
            for block in blocks { free(block) }
        }
        for block in kept { free(block) }
    }
}

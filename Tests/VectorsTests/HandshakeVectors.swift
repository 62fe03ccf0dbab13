import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

/// Whole handshakes, flight by flight, and the first records behind them (articles Handshake, Resumption, Sessions).
@Suite struct HandshakeVectors {
    private struct Kind {
        let name: String
        var isAnonymous = false
        var hasSecret = false
        var suite: [UInt8] = [1, 1, 1]
        /// What the responder takes alone, where that is another.
        var taken: [UInt8]?
        var resumes = false
        /// Whether the responder is under load.
        var asksPuzzle = false
    }

    private static let kinds = [
        Kind(name: "mutual"), Kind(name: "mutual, network secret, proof", hasSecret: true, resumes: true),
        Kind(name: "mutual, other algorithms", suite: [2, 2, 3]),
        Kind(name: "anonymous", isAnonymous: true, suite: [1, 2, 2]),
        Kind(name: "anonymous, network secret", isAnonymous: true, hasSecret: true),
        Kind(name: "mutual, retry", taken: [2, 2, 2]),
        Kind(name: "mutual, network secret, retry", hasSecret: true, taken: [1, 1, 3]),
        Kind(name: "mutual, puzzle", asksPuzzle: true),
        Kind(
            name: "anonymous, network secret, retry with a puzzle", isAnonymous: true, hasSecret: true,
            taken: [2, 2, 2],
            asksPuzzle: true),
    ]

    private static let networkSecret = pattern(32, from: 0xc0)
    private static let resumed = pattern(16, from: 0xe0)
    private static let resumptionSecret = pattern(32, from: 0xd0)
    private static let randomness = (initiator: FixedRandomness(0x11), responder: FixedRandomness(0x77))
    private struct NotEstablished: Error {}

    @Test func `handshakes are what is committed`() throws {
        try VectorFile(name: "handshakes").check(["handshakes": .list(try Self.kinds.map(transcript))])
    }

    private func transcript(_ kind: Kind) throws -> Json {
        let (ada, ben) = (
            try node(1, kind, only: kind.taken == nil, kind.suite, Self.randomness.initiator),
            try node(2, kind, only: true, kind.taken ?? kind.suite, Self.randomness.responder)
        )
        if kind.asksPuzzle { ben.load() }
        var pair = PeerPair(ada, ben, isAnonymous: kind.isAnonymous, resumption: try claim(kind, ada))
        let flights = try flights(of: &pair)
        guard let session = pair.dialler.established?.session, pair.acceptor.established?.session == session,
            let proven = try pair.dialler.resumptionSecret()
        else { throw NotEstablished() }
        pair.dialler.enqueue(.ping(7))
        pair.acceptor.enqueue(.ping(8))
        pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
        pair.acceptor.seal(into: &pair.toDialler, budget: 1)
        return [
            "name": .text(kind.name), "pattern": kind.isAnonymous ? 2 : 1,
            "wall": .number(Int(pair.clock.wall.seconds)),
            "secret": .hex(kind.hasSecret ? Self.networkSecret : []),
            "resumed_session": .hex(kind.resumes ? Self.resumed : []),
            "resumed_secret": .hex(kind.resumes ? Self.resumptionSecret : []),
            "initiator": side(1, ada, Self.randomness.initiator),
            "responder": side(2, ben, Self.randomness.responder),
            "flights": .list(flights.map(\.json)), "session": .hex(session.value.bytes),
            "resumption_secret": .hex(proven.bytes()), "first_record_of_initiator": pair.toAcceptor.json,
            "first_record_of_responder": pair.toDialler.json,
        ]
    }

    private func flights(of pair: inout PeerPair) throws -> [ByteBuffer] {
        var flights: [ByteBuffer] = []
        pair.start()
        while pair.toAcceptor.readableBytes + pair.toDialler.readableBytes > 0 {
            flights.append(pair.toAcceptor.readableBytes > 0 ? pair.toAcceptor : pair.toDialler)
            pair.toAcceptor.readableBytes > 0 ? pair.deliverToAcceptor() : pair.deliverToDialler()
            pair.solve()
        }
        return flights
    }

    private func node(
        _ number: UInt8, _ kind: Kind, only: Bool, _ suite: [UInt8], _ randomness: FixedRandomness
    ) throws -> TestNode {
        let suite = try #require(NoiseSuite(numbers: suite))
        let secret = try kind.hasSecret ? SharedSecret(GuardedSecret(Self.networkSecret)) : nil
        return try TestNode(
            number, sharedSecret: secret, suites: only ? SuitePreferences(only: suite) : .everything,
            entropy: randomness.entropy)
    }

    private func claim(_ kind: Kind, _ node: TestNode) throws -> ResumptionClaim? {
        guard kind.resumes else { return nil }
        let name = try #require(UUIDBytes(bytes: Self.resumed[...]))
        return ResumptionClaim(
            session: SessionID(name), secret: try secret(Self.resumptionSecret, in: node.environment.slab))
    }

    private func side(_ number: UInt8, _ node: TestNode, _ randomness: FixedRandomness) -> Json {
        [
            "identity_seed": .hex([UInt8](repeating: number, count: 32)),
            "static": .hex([UInt8](repeating: number ^ 0x5a, count: 32)),
            "ephemeral": .hex(randomness.ephemeral), "uuid": .text(node.node.description),
            "certificate": .hex(node.credentials.certificate),
        ]
    }
}

/// What an identity signs, where bytes come back: with Ed25519 alone. Those with ML-DSA are made by another
/// implementation (`GateCryptoTests/Oracle`), since its signatures are drawn.
@Suite struct RecordOfNodeVectors {
    @Test func `node records are what is committed`() throws {
        let identity = try IdentityKey.made(of: 9)
        let contents = [
            NodeRecord.Content(
                suites: [.standard], endpoints: [], relays: false, sequence: 1, expiry: UnixTime(seconds: 1_800_000_000)
            ),
            NodeRecord.Content(
                suites: NoiseSuite.inVectors,
                endpoints: [Endpoint(host: "192.0.2.1", port: 7700), Endpoint(host: "2001:db8::1", port: 1)],
                relays: true, sequence: 0x0102_0304_0506_0708, expiry: UnixTime(seconds: 1_802_000_000)),
        ]
        let records = contents.map { content in
            Json.object([
                "identity_seed": .hex([UInt8](repeating: 9, count: 32)),
                "bundle_hash": .hex(identity.bundle.hash), "uuid": .text(identity.bundle.uuid.description),
                "relays": .truth(content.relays), "sequence": .number(Int(content.sequence)),
                "expiry": .number(Int(content.expiry.seconds)), "suites": .list(content.suites.map(\.json)),
                "endpoints": .list(content.endpoints.map { [.text($0.host), .number(Int($0.port))] }),
                "record": .hex(NodeRecord.issue(content, by: identity).encoded),
            ])
        }
        try VectorFile(name: "node-records").check(["records": .list(records)])
    }
}

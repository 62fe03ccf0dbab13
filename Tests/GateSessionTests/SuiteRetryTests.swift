import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

extension SuitePreferences {
    /// Everything, the suite's algorithms last.
    fileprivate static func everything(but suite: NoiseSuite) -> SuitePreferences {
        SuitePreferences(
            kems: NoiseKEM.allCases.sorted { ($0 == suite.kem ? 1 : 0) < ($1 == suite.kem ? 1 : 0) },
            ciphers: NoiseCipher.allCases.sorted { ($0 == suite.cipher ? 1 : 0) < ($1 == suite.cipher ? 1 : 0) },
            hashes: NoiseHash.allCases.sorted { ($0 == suite.hash ? 1 : 0) < ($1 == suite.hash ? 1 : 0) })
    }
}

extension PeerPair {
    /// The session that both sides have, if it is one and the same.
    var agreed: SessionID? {
        dialler.established?.session == acceptor.established?.session ? dialler.established?.session : nil
    }
}

@Suite struct SuiteRetryTests {
    static let other = NoiseSuite(kem: .mlkem1024, cipher: .chaChaPoly, hash: .blake2b)

    /// An initiator that begins with ML-KEM-768, AES and SHA-256, and a responder that takes one other suite only.
    private func makePair(
        _ taken: SuitePreferences = SuitePreferences(only: other), secret: SharedSecret? = nil,
        context: HandshakeContext = .peer, isAnonymous: Bool = false
    ) throws -> PeerPair {
        PeerPair(
            try TestNode(1, sharedSecret: secret, settings: .withoutPadding),
            try TestNode(2, sharedSecret: secret, suites: taken, settings: .withoutPadding), context: context,
            isAnonymous: isAnonymous)
    }

    @Test(arguments: SuitePreferences.everything.suites, [false, true])
    func `every suite that a responder insists on is agreed on, by one retry at most`(
        _ suite: NoiseSuite, isAnonymous: Bool
    ) throws {
        let secret = try SharedSecret(GuardedSecret([UInt8](repeating: 9, count: 32)))
        for secret in [nil, secret] {
            for preferences in [.everything(but: suite), SuitePreferences.everything, .init(only: suite)] {
                var pair = PeerPair(
                    try TestNode(1, sharedSecret: secret, suites: preferences),
                    try TestNode(2, sharedSecret: secret, suites: SuitePreferences(only: suite)),
                    isAnonymous: isAnonymous)
                pair.start()
                pair.run()
                #expect(pair.agreed != nil)
                pair.dialler.enqueue(.extenders([ShippedExtender.socks5]))
                pair.run()
                #expect(pair.acceptorEvents.last == .message(.extenders([ShippedExtender.socks5])))
            }
        }
    }

    @Test func `who takes the favourite answers at once, whatever else it likes better`() throws {
        var pair = try makePair(.everything(but: .standard))
        pair.start()
        pair.deliverToAcceptor()
        pair.deliverToDialler()

        #expect(pair.dialler.established != nil)
    }

    @Test func `a retry says what is taken and chosen, and costs the responder no key`() throws {
        let counter = KeyCounter()
        let ben = try TestNode(2, suites: SuitePreferences(only: Self.other), entropy: counter.entropy)
        var pair = PeerPair(try TestNode(1), ben)
        pair.start()
        pair.deliverToAcceptor()

        let retry = try FlightForger(dialled: ben).header(of: pair.toDialler, number: 2)
        #expect(retry.kind == .retry && retry.suite == [2, 2, 3] && retry.offers == [4, 4, 8])
        #expect(retry.versions.only == PeerVersions.spoken.highest && retry.messageBytes == 0)
        #expect(pair.claims.isEmpty && pair.acceptorEvents.isEmpty)
        #expect(counter.count == 0)
        pair.run()
        #expect(pair.agreed != nil && counter.count > 0)
    }

    @Test func `of each class the initiator's favourite stays where it is taken`() throws {
        let ben = try TestNode(
            2,
            suites: SuitePreferences(kems: [.mlkem1024], ciphers: [.chaChaPoly, .aesGCM], hashes: [.blake2b, .sha512]))
        var pair = PeerPair(try TestNode(1), ben)
        pair.start()
        pair.deliverToAcceptor()

        let retry = try FlightForger(dialled: ben).header(of: pair.toDialler, number: 2)
        #expect(retry.suite == [2, 1, 3])
    }

    @Test func `retries are as long as answers, and differ`() throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2, suites: SuitePreferences(only: Self.other)))
        var lengths: Set<Int> = []
        for _ in 0..<16 {
            var pair = PeerPair(ada, ben)
            pair.start()
            pair.deliverToAcceptor()
            lengths.insert(pair.toDialler.readableBytes)
        }
        #expect(lengths.count > 8 && lengths.allSatisfy { (1_300...2_000).contains($0) })
    }

    @Test(arguments: [
        (
            SuitePreferences(only: .standard),
            SuitePreferences(only: NoiseSuite(kem: .mlkem1024, cipher: .aesGCM, hash: .sha256))
        ),
        (
            SuitePreferences(kems: [.mlkem768], ciphers: [.aesGCM], hashes: [.sha256, .sha512]),
            SuitePreferences(kems: [.mlkem768, .mlkem1024], ciphers: [.aesGCM], hashes: [.blake2b])
        ),
    ])
    func `without a common suite both sides know, and nothing of either is told`(
        _ offered: SuitePreferences, _ taken: SuitePreferences
    ) throws {
        var pair = PeerPair(try TestNode(1, suites: offered), try TestNode(2, suites: taken))
        pair.start()
        pair.deliverToAcceptor()
        pair.deliverToDialler()

        let failure = SessionFailure.noCommonSuite(offered: offered.offers, taken: taken.offers)
        #expect(pair.acceptorEvents == [.closed(failure)] && pair.diallerEvents == [.closed(failure)])
        #expect(pair.toAcceptor.readableBytes == 0 && pair.claims.isEmpty)
    }

    @Test(arguments: [HandshakeContext.hop, .endToEnd])
    func `over circuits there is no retry`(_ context: HandshakeContext) throws {
        var pair = try makePair(context: context)
        pair.start()
        pair.deliverToAcceptor()

        #expect(pair.toDialler.readableBytes == 0)
        #expect(pair.acceptorEvents.count == 1)

        let ben = try TestNode(2)
        pair = PeerPair(try TestNode(1), ben, context: context)
        pair.start()
        let forger = FlightForger(dialled: ben)
        let opening = try forger.header(of: pair.toAcceptor, number: 1)
        pair.toAcceptor = ByteBuffer()
        pair.toDialler = try forger.retry(to: opening, number: 2, suite: [2, 2, 3], offers: [4, 4, 8])
        pair.deliverToDialler()
        #expect(pair.diallerEvents == [.closed(.handshakeFailed)] && pair.toAcceptor.readableBytes == 0)
    }

    @Test func `an anonymous initiator that is not admitted gets no retry either`() throws {
        var pair = try makePair(isAnonymous: true)
        pair.acceptorAdmits = false
        pair.start()
        pair.deliverToAcceptor()

        #expect(pair.acceptorEvents == [.closed(.notAdmitted)] && pair.toDialler.readableBytes == 0)
    }

    @Test func `a retry gives nobody more time`() throws {
        var pair = try makePair()
        pair.start()
        let deadlines = (pair.dialler.nextDeadline, pair.acceptor.nextDeadline)
        pair.clock.advance(by: .seconds(20))
        pair.deliverToAcceptor()
        pair.deliverToDialler()
        #expect(pair.toAcceptor.readableBytes > 0)
        #expect((pair.dialler.nextDeadline, pair.acceptor.nextDeadline) == deadlines)
    }

    @Test func `suites that change meanwhile count for the next connection`() throws {
        let ben = try TestNode(2, suites: SuitePreferences(only: Self.other))
        var pair = PeerPair(try TestNode(1), ben)
        pair.start()
        pair.deliverToAcceptor()
        ben.environment.suites = SuitePreferences(only: .standard)
        pair.run()

        #expect(pair.agreed != nil)
    }

    @Test func `the last flight after a retry may carry a proof of resumption`() throws {
        let session = SessionID(UUIDBytes(high: 1, low: 2))
        let secret = try Secret(count: ResumptionProof.secretBytes, in: try SecretSlab()) { _ in }
        let claim = ResumptionClaim(session: session, secret: secret)
        var pair = PeerPair(
            try TestNode(1), try TestNode(2, suites: SuitePreferences(only: Self.other)), resumption: claim)
        pair.start()
        pair.run()

        #expect(pair.acceptor.established?.resuming?.session == session)
    }
}

/// Counts the ephemeral keys that a handshake draws.
private final class KeyCounter: @unchecked Sendable {  // used on one thread
    var count = 0

    var entropy: HandshakeEntropy {
        HandshakeEntropy { bytes in
            self.count += 1
            SystemEntropy.fill(bytes)
        }
    }
}

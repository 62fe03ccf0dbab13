import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

/// Handshakes of workers that sign them with ML-DSA.
@Suite struct PostQuantumHandshakeTests {
    private let wall = ManualClock().wall

    /// The acceptor with other credentials than its own.
    private func node(_ number: UInt8, with credentials: (TestNode) throws -> WorkerCredentials) throws -> TestNode {
        let node = try TestNode(number, settings: .withoutPadding, isPostQuantum: true)
        node.environment.credentials = try credentials(node)
        return node
    }

    private func certificate(
        _ identity: IdentityKey, _ key: StaticKey, _ postQuantumKey: PostQuantumKey?
    ) -> WorkerCertificate {
        WorkerCertificate.issue(
            by: identity, staticKey: key.publicKey, postQuantumKey: postQuantumKey?.publicKey, worker: 1, now: wall,
            lifetimeSeconds: 3600)
    }

    // MARK: What holds

    @Test(arguments: [(true, true), (true, false), (false, true)], [HandshakeContext.peer, .endToEnd, .hop])
    func `a session comes to stand where one side signs, or both`(
        _ signs: (dialler: Bool, acceptor: Bool), _ context: HandshakeContext
    ) throws {
        for isAnonymous in [false, true] {
            let ada = try TestNode(1, isPostQuantum: signs.dialler)
            let ben = try TestNode(2, isPostQuantum: signs.acceptor)
            var pair = PeerPair(ada, ben, context: context, isAnonymous: isAnonymous)
            pair.start()
            pair.run()
            #expect(pair.dialler.established?.peer.node == ben.node)
            #expect(pair.acceptor.established?.peer.node == (isAnonymous ? nil : ada.node))
            #expect(pair.dialler.established?.session == pair.acceptor.established?.session)
            pair.dialler.enqueue(.extenders([ShippedExtender.socks5]))
            pair.run()
            #expect(pair.acceptorEvents.last == .message(.extenders([ShippedExtender.socks5])))
        }
    }

    @Test func `every suite shakes hands, also behind a retry and with the most padding`() throws {
        for kem in NoiseKEM.allCases {
            for hash in NoiseHash.allCases {
                let suites = SuitePreferences(only: NoiseSuite(kem: kem, cipher: .chaChaPoly, hash: hash))
                var settings = SessionSettings()
                settings.flightPadding = 3600...3600
                for own in [suites, .everything] {
                    var pair = PeerPair(
                        try TestNode(1, suites: own, settings: settings, isPostQuantum: true),
                        try TestNode(2, suites: suites, settings: settings, isPostQuantum: true))
                    pair.start()
                    pair.run()
                    #expect(pair.acceptor.established != nil && pair.dialler.established != nil)
                }
            }
        }
    }

    @Test(arguments: [
        (NoiseKEM.mlkem768, true, 11_982, 10_846), (.mlkem1024, true, 12_462, 10_846),
        (.mlkem768, false, 1_459, 323), (.mlkem1024, false, 1_939, 323),
    ])
    func `flights are as long as the article says`(
        kem: NoiseKEM, isPostQuantum: Bool, answer: Int, last: Int
    ) throws {
        let suites = SuitePreferences(only: NoiseSuite(kem: kem, cipher: .aesGCM, hash: .sha256))
        let nodes = try [1, 2].map {
            try TestNode($0, suites: suites, settings: .withoutPadding, isPostQuantum: isPostQuantum)
        }
        var pair = PeerPair(nodes[0], nodes[1])
        pair.start()
        pair.deliverToAcceptor()
        #expect(pair.toDialler.readableBytes == answer)
        #expect(answer + 512 <= WireLimits.flightBytesMax)
        pair.deliverToDialler()
        #expect(pair.toAcceptor.readableBytes == last)
    }

    @Test func `a proof of resumption stands behind the signature`() throws {
        let (ada, ben) = (try TestNode(1, isPostQuantum: true), try TestNode(2, isPostQuantum: true))
        let session = SessionID(UUIDBytes(high: 1, low: 2))
        let bytes = [UInt8](repeating: 3, count: ResumptionProof.secretBytes)
        let secret = try Secret(count: bytes.count, in: ada.environment.slab) { $0.copyBytes(from: bytes) }
        var pair = PeerPair(ada, ben, resumption: ResumptionClaim(session: session, secret: secret))
        pair.start()
        pair.run()
        let proof = try #require(pair.acceptor.established?.resuming)
        #expect(proof.session == session && bytes.withUnsafeBytes { proof.isMade(with: $0) })
    }

    // MARK: What does not

    /// Certificates and keys that do not belong together, by name.
    private func wrong(_ what: String) throws -> (TestNode) throws -> WorkerCredentials {
        { node in
            let own = node.credentials
            func credentials(
                _ certificate: WorkerCertificate?, _ key: PostQuantumKey?, node other: NodeUUID? = nil
            ) -> WorkerCredentials {
                WorkerCredentials(
                    node: other ?? node.node, staticKey: own.staticKey,
                    certificate: certificate?.encoded ?? own.certificate, postQuantumKey: key)
            }
            let stranger = try PostQuantumKey()
            switch what {
            case "no signature": return credentials(nil, nil)
            case "another key's signature": return credentials(nil, stranger)
            case "the certificate of another worker":
                return credentials(certificate(node.identity, try StaticKey(), stranger), stranger)
            case "the certificate of another worker's ML-DSA key":
                return credentials(certificate(node.identity, own.staticKey, stranger), own.postQuantumKey)
            case "the certificate of the same Ed25519 key alone":
                return credentials(certificate(try .made(of: 2), own.staticKey, nil), nil)
            case "that, with a signature":
                return credentials(certificate(try .made(of: 2), own.staticKey, nil), own.postQuantumKey)
            default:
                let other = try IdentityKey(
                    seed: GuardedSecret([UInt8](repeating: 2, count: 32)), postQuantumKey: PostQuantumKey())
                return credentials(certificate(other, own.staticKey, own.postQuantumKey), own.postQuantumKey)
            }
        }
    }

    static let wrongs = [
        "no signature", "another key's signature", "the certificate of another worker",
        "the certificate of another worker's ML-DSA key", "the certificate of the same Ed25519 key alone",
        "that, with a signature", "the certificate of another ML-DSA identity",
    ]

    @Test(arguments: wrongs) func `an initiator refuses before it shows its own certificate`(_ what: String) throws {
        let ben = try node(2, with: wrong(what))
        let ada = try TestNode(1, isPostQuantum: true)
        for isAnonymous in [false, true] {
            var pair = PeerPair(ada, ben, isAnonymous: isAnonymous)
            pair.start()
            pair.deliverToAcceptor()
            pair.deliverToDialler()
            #expect(pair.diallerEvents == [.closed(.certificateRefused)])
            #expect(pair.toAcceptor.readableBytes == 0 && pair.claims.filter { $0.role == .initiator }.isEmpty)
        }
    }

    /// What names another identity is the business of access control at a responder.
    @Test(arguments: wrongs.filter { !$0.contains("Ed25519 key alone") && !$0.contains("another ML-DSA identity") })
    func `a responder refuses, too`(_ what: String) throws {
        let ada = try node(2, with: wrong(what))
        var pair = PeerPair(ada, try TestNode(1))
        pair.start()
        pair.run()
        #expect(pair.acceptorEvents == [.closed(.certificateRefused)])
        #expect(pair.claims.filter { $0.role == .responder }.isEmpty)
    }

    @Test func `to a responder the same Ed25519 key alone is another node`() throws {
        let ada = try node(2, with: wrong("the certificate of the same Ed25519 key alone"))
        var pair = PeerPair(ada, try TestNode(1))
        pair.start()
        pair.run()
        #expect(pair.acceptor.established?.peer.node == (try IdentityKey.made(of: 2)).bundle.uuid)
        #expect(pair.acceptor.established?.peer.node != ada.node)
    }

    @Test func `a signature holds as it was made for this handshake and role only`() throws {
        let ben = try TestNode(2, settings: .withoutPadding, isPostQuantum: true)
        let key = try #require(ben.credentials.postQuantumKey)
        let own = ben.credentials.certificate
        func refuses(_ tail: (_ hash: [UInt8]) -> [UInt8]) throws -> Bool {
            var pair = PeerPair(try TestNode(1), ben)
            pair.start()
            pair.toDialler = try ForgedAnswer(responder: ben).answer(to: pair.toAcceptor, tail)
            pair.toAcceptor = ByteBuffer()
            pair.deliverToDialler()
            if pair.toAcceptor.readableBytes > 0 { return false }
            return pair.diallerEvents == [.closed(.certificateRefused)]
        }
        #expect(try !refuses { own + key.sign(.postQuantumResponder, $0) })
        #expect(try refuses { own + key.sign(.postQuantumInitiator, $0) })
        #expect(try refuses { own + key.sign(.workerCertificate, $0) })
        #expect(try refuses { own + key.sign(.postQuantumResponder, $0.reversed()) })
        #expect(try refuses { own + key.sign(.postQuantumResponder, $0 + [0]) })
        #expect(try refuses { _ in own + key.sign(.postQuantumResponder, []) })
        #expect(try refuses { _ in own })
        #expect(try refuses { own + key.sign(.postQuantumResponder, $0).dropLast() })
        #expect(try refuses { own + key.sign(.postQuantumResponder, $0) + [0] })
        #expect(try refuses { own + key.sign(.postQuantumResponder, $0) + [UInt8](repeating: 0, count: 48) })
        #expect(try refuses { key.sign(.postQuantumResponder, $0) + own })
        for index in stride(from: 0, to: PostQuantumKey.signatureByteCount, by: 53) {
            let isRefused = try refuses { hash in
                var signature = key.sign(.postQuantumResponder, hash)
                signature[index] ^= 1 << UInt8(index % 8)
                return own + signature
            }
            #expect(isRefused, "byte \(index)")
        }
    }

    @Test func `a signature behind a certificate without an ML-DSA key is refused`() throws {
        let ben = try TestNode(2, settings: .withoutPadding)
        let key = try PostQuantumKey()
        var pair = PeerPair(try TestNode(1), ben)
        pair.start()
        pair.toDialler = try ForgedAnswer(responder: ben).answer(to: pair.toAcceptor) {
            ben.credentials.certificate + key.sign(.postQuantumResponder, $0)
        }
        pair.deliverToDialler()
        #expect(pair.diallerEvents == [.closed(.certificateRefused)])
    }

    @Test(arguments: [2, 3]) func `no flipped byte of a flight is accepted`(_ number: Int) throws {
        let (ada, ben) = (
            try TestNode(1, settings: .withoutPadding, isPostQuantum: true),
            try TestNode(2, settings: .withoutPadding, isPostQuantum: true)
        )
        var index = 0
        while true {
            var pair = PeerPair(ada, ben)
            pair.start()
            pair.deliverToAcceptor()
            if number == 3 { pair.deliverToDialler() }
            var flight = number == 2 ? pair.toDialler : pair.toAcceptor
            guard index < flight.readableBytes else { break }
            let byte = flight.getInteger(at: flight.readerIndex + index, as: UInt8.self) ?? 0
            flight.setInteger(byte ^ 1 << UInt8(index % 8), at: flight.readerIndex + index)
            if number == 2 { pair.toDialler = flight } else { pair.toAcceptor = flight }
            if number == 2 { pair.deliverToDialler() } else { pair.deliverToAcceptor() }
            #expect((number == 2 ? pair.toAcceptor : pair.toDialler).readableBytes == 0)
            #expect(pair.dialler.established == nil || number == 3)
            #expect(pair.acceptor.established == nil, "byte \(index)")
            index += 211
        }
        #expect(index > 10_000)
    }

    // MARK: In a standing session

    @Test func `a fresh certificate is taken with both signatures only`() throws {
        let (ada, ben) = (try TestNode(1, isPostQuantum: true), try TestNode(2))
        let key = try #require(ada.credentials.postQuantumKey)
        func fresh(_ identity: IdentityKey, _ key: PostQuantumKey?) -> WorkerCertificate {
            WorkerCertificate.issue(
                by: identity, staticKey: ada.credentials.staticKey.publicKey, postQuantumKey: key?.publicKey, worker: 1,
                now: wall + 3600, lifetimeSeconds: 86_400)
        }
        let right = fresh(ada.identity, key)
        var wrong = right.encoded
        wrong[wrong.count - 1] ^= 1
        let tries: [([UInt8], PeerEvent)] = [
            (right.encoded, .certified(right)), (wrong, .closed(.protocolViolation)),
            (Array(right.encoded.dropLast(3309)), .closed(.protocolViolation)),
            (right.encoded + [0], .closed(.protocolViolation)),
            (fresh(try .made(of: 1), nil).encoded, .closed(.protocolViolation)),
        ]
        for (bytes, event) in tries {
            var pair = PeerPair(ada, ben)
            pair.establish()
            pair.clock.advance(by: .seconds(3600))
            pair.dialler.enqueue(.certificate(ByteBuffer(bytes: bytes)))
            pair.run()
            #expect(pair.acceptorEvents == [event])
        }
        #expect(WorkerCertificate.encodedBytesMax <= WireLimits.certificateBytesMax)
    }
}

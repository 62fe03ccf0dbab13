import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

@Suite struct TheProofOfResumption {
    private let ada: TestNode
    private let ben: TestNode

    init() throws { (ada, ben) = (try TestNode(1), try TestNode(2)) }

    @Test func `both sides of a session derive the same secret, another session's is another`() throws {
        let first = try secrets(of: try established())
        let second = try secrets(of: try established())

        #expect(first.dialler == first.acceptor && first.dialler.count == ResumptionProof.secretBytes)
        #expect(first.dialler != second.dialler)
    }

    @Test func `a responder is shown which session is to go on, and a proof that only its secret makes`() throws {
        let before = try established()
        let session = try #require(before.dialler.established?.session)
        let secret = try secrets(of: before)

        var pair = PeerPair(ada, ben, resumption: try claim(of: session, secret.dialler))
        pair.start()
        pair.run()

        let proof = try #require(pair.acceptor.established?.resuming)
        #expect(proof.session == session)
        #expect(secret.acceptor.withUnsafeBytes { proof.isMade(with: $0) })
        #expect(![UInt8](repeating: 0, count: 32).withUnsafeBytes { proof.isMade(with: $0) })
        #expect(pair.dialler.established?.resuming == nil, "an initiator is shown nothing")
        #expect(pair.acceptor.established?.session != session, "the connection has a name of its own")
    }

    @Test func `a proof serves the one handshake that it was made in`() throws {
        let secret = [UInt8](repeating: 3, count: 32)
        let session = SessionID(UUIDBytes(high: 1, low: 2))
        var proofs: [ResumptionProof] = []
        for _ in 0..<2 {
            var pair = PeerPair(ada, ben, resumption: try claim(of: session, secret))
            pair.start()
            pair.run()
            proofs.append(try #require(pair.acceptor.established?.resuming))
        }

        let moved = ResumptionProof(session: session, code: proofs[0].code, handshakeHash: proofs[1].handshakeHash)
        #expect(proofs.allSatisfy { proof in secret.withUnsafeBytes { proof.isMade(with: $0) } })
        #expect(!secret.withUnsafeBytes { moved.isMade(with: $0) })
        let other = SessionID(UUIDBytes(high: 1, low: 3))
        let renamed = ResumptionProof(session: other, code: proofs[0].code, handshakeHash: proofs[0].handshakeHash)
        #expect(!secret.withUnsafeBytes { renamed.isMade(with: $0) })
    }

    @Test func `every changed byte of a flight with a proof ends the handshake`() throws {
        let session = SessionID(UUIDBytes(high: 1, low: 2))
        var index = 0
        while true {
            var pair = PeerPair(ada, ben, resumption: try claim(of: session, [UInt8](repeating: 3, count: 32)))
            pair.start()
            pair.deliverToAcceptor()
            pair.deliverToDialler()
            guard index < pair.toAcceptor.readableBytes else { break }
            let byte: UInt8 = try #require(pair.toAcceptor.getInteger(at: pair.toAcceptor.readerIndex + index))
            pair.toAcceptor.setInteger(byte ^ 0x40, at: pair.toAcceptor.readerIndex + index)
            pair.deliverToAcceptor()
            #expect(pair.acceptor.established == nil)
            index += 7
        }
        #expect(index > 0)
    }

    @Test func `an anonymous initiator shows none`() throws {
        var pair = PeerPair(
            ada, ben, isAnonymous: true,
            resumption: try claim(of: SessionID(UUIDBytes(high: 1, low: 2)), [UInt8](repeating: 3, count: 32)))
        pair.start()
        pair.run()
        #expect(pair.acceptor.established != nil && pair.acceptor.established?.resuming == nil)
    }

    @Test func `end to end, over circuits, a proof breaks the handshake`() throws {
        var pair = PeerPair(
            ada, ben, context: .endToEnd,
            resumption: try claim(of: SessionID(UUIDBytes(high: 1, low: 2)), [UInt8](repeating: 3, count: 32)))
        pair.start()
        pair.run()
        #expect(pair.acceptorEvents == [.closed(.certificateRefused)])
    }

    private func established() throws -> PeerPair {
        var pair = PeerPair(ada, ben)
        pair.establish()
        return pair
    }

    private func claim(of session: SessionID, _ secret: [UInt8]) throws -> ResumptionClaim {
        let copy = try Secret(count: secret.count, in: ada.environment.slab) { $0.copyBytes(from: secret) }
        return ResumptionClaim(session: session, secret: copy)
    }

    private func secrets(of pair: borrowing PeerPair) throws -> (dialler: [UInt8], acceptor: [UInt8]) {
        guard let dialler = try pair.dialler.resumptionSecret(), let acceptor = try pair.acceptor.resumptionSecret()
        else { throw NoSecret() }
        return (dialler.withUnsafeBytes { Array($0) }, acceptor.withUnsafeBytes { Array($0) })
    }

    private struct NoSecret: Error {}
}

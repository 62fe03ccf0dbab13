import GateCrypto
import GateLink
import GateModel
import GateSession
import GateStore
import GateTestKit
import GateTransport
import GateWire
import NIOCore
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct SessionsBetweenKernels {
    @Test(arguments: ["127.0.0.1", "::1"])
    func `stand on both sides and are noted in both peer lists, with the pinned bundle`(host: String) async throws {
        try await withKernels(2, at: host) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            let session = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            #expect(far.kernel.kernel.session(session)?.peer == .node(near.uuid))
            for (one, other) in [(near, far), (far, near)] {
                let row = try await one.sighted(other.uuid)
                #expect(row.bundleHash == IdentityBundle.hash(of: try await other.store.identityBundle()))
                #expect(row.access == .allowed)
            }
        }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `a dial that the other side does not allow says so, however far the handshake came`(host: String)
        async throws
    {
        try await withKernels(2, at: host) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            for isAnonymous in [false, true] {
                let failure = try #require(await near.connect(to: far.uuid, anonymous: isAnonymous).failure)
                #expect(failure.code == .notAccepted)
                #expect(failure.reason == "no answer: wrong UUID, secret or clock, or not allowed there")
            }
            #expect(near.kernel.kernel.sessionCount == 0)
            let reason = try await far.refused("list of allowed peers")
            #expect(reason.node == near.uuid)
            #expect(reason.isInbound)
            _ = try await far.refused("access.anonymous")
        }
    }

    @Test(arguments: [[1, 2], [1], [2]] as [Set<UInt8>])
    func `stand between nodes of which both or one have an ML-DSA identity`(signing: Set<UInt8>) async throws {
        try await withKernels(2, postQuantum: signing) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            let session = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            #expect(far.kernel.kernel.session(session)?.peer == .node(near.uuid))
            let row = try await near.sighted(far.uuid)
            #expect(row.bundleHash == IdentityBundle.hash(of: try await far.store.identityBundle()))
        }
    }

    @Test func `a dial to another UUID than the one that answers reads the same`() async throws {
        try await withKernels(3) { nodes in
            let (near, far, absent) = (nodes[0], nodes[1], nodes[2])
            _ = try await near.store.editPeer(
                absent.uuid, PeerEdit(endpoints: [try far.endpoint], access: .allowed))
            try await near.kernel.feed.fill()
            let failure = try #require(await near.connect(to: absent.uuid).failure)
            #expect(failure.reason == ConnectFault.unanswered)
        }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `are not blamed on the other node where nobody listens`(host: String) async throws {
        try await withKernels(2, at: host) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            await far.stop()
            for _ in 0..<50 {
                let failure = try #require(await near.connect(to: far.uuid).failure)
                #expect(failure.code == .unreachable)
                #expect(failure.reason != ConnectFault.unanswered)
            }
        }
    }

    @Test func `end on both sides an hour after the other side's certificate`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            let session = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            for node in [near, far] {
                let end = try #require(node.kernel.kernel.session(session)?.certifiedUntil)
                node.kernel.host.closeExpired(at: end + 3600)
                #expect(node.kernel.kernel.sessionCount == 1)
            }
            let end = try #require(far.kernel.kernel.session(session)?.certifiedUntil)
            far.kernel.host.closeExpired(at: end + 3601)
            try await far.holds(0)
            try await near.holds(0)
        }
    }

    @Test func `with a node that shows another identity than the pinned one are closed`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            try await far.store.notePeer(
                PeerSighting(
                    node: near.uuid, bundleHash: [UInt8](repeating: 9, count: 32), features: 0, isRelay: nil,
                    record: [], at: SystemClock.wall()))
            _ = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            try await far.holds(0)
            try await near.holds(0)
        }
    }
}

extension Result {
    var failure: Failure? {
        switch self {
        case .success: nil
        case .failure(let failure): failure
        }
    }
}

extension IdentityBundle {
    fileprivate static func hash(of encoded: [UInt8]) -> [UInt8]? {
        var bytes = ByteBuffer(bytes: encoded)
        return IdentityBundle(from: &bytes)?.hash
    }
}

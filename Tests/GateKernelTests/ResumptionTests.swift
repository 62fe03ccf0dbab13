import GateCrypto
import GateLink
import GateModel
import GateSession
import GateStore
import GateTestKit
import GateWire
import NIOCore
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct TheResumptionOfSessions {
    @Test func `a session goes on at another worker under its name, a greater epoch, with the same peer`() async throws
    {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            try await home.know(far)
            try await far.know(home)
            let id = try await home.connect(to: far.uuid).get()
            try await far.holds(1)
            try await far.written(id, 0)

            // The far worker leaves; another of its node answers at the same address.
            let place = try far.endpoint
            await far.stop()
            let other = try await far.colleague("kernel-2", at: place)
            let resumed = try await home.session(id, epoch: 1)
            #expect(resumed.peer == .node(far.uuid))
            let there = try await other.session(id, epoch: 1)
            #expect(there.peer == .node(home.uuid) && there.isInbound)
            #expect(try await home.connect(to: far.uuid).get() == id, "it serves whoever asks for the node")
            try await other.written(id, 1)
            #expect(await far.store.heldSession(id)?.row.worker == "kernel-2")
            await other.stop()
        }
    }

    @Test func `a session goes on at the same worker when only its connection breaks`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            try await home.know(far)
            try await far.know(home)
            let id = try await home.connect(to: far.uuid).get()
            try await far.holds(1)
            try await far.written(id, 0)
            for epoch: SessionEpoch in 1...3 {
                let session = try await far.session(id, epoch: epoch - 1)
                session.eventLoop.execute { session.close(.goingAway) }
                _ = try await far.session(id, epoch: epoch)
                _ = try await home.session(id, epoch: epoch)
            }
            #expect(far.kernel.kernel.sessionCount == 1 && home.kernel.kernel.sessionCount == 1)
        }
    }

    @Test func `a peer without the session's secret gets a session of its own`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            try await home.know(far)
            try await far.know(home)
            let id = try await home.connect(to: far.uuid).get()
            try await far.holds(1)
            try await far.written(id, 0)
            // Somebody wrote another secret down meanwhile: what the peer proves does not fit.
            try await far.forget(id)
            let session = try await far.session(id, epoch: 0)
            session.eventLoop.execute { session.close(.goingAway) }
            let fresh = try await far.anySession(but: id)
            #expect(fresh.epoch == 0)
            _ = try await home.session(fresh.id, epoch: 0)
            #expect(home.kernel.kernel.session(id) == nil)
        }
    }

    @Test func `a worker that wakes up with a session that was taken over loses it and changes nothing`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            try await home.know(far)
            try await far.know(home)
            let id = try await home.connect(to: far.uuid).get()
            try await far.holds(1)
            try await far.written(id, 0)
            let other = try await far.colleague("kernel-2", at: Endpoint(host: "127.0.0.1", port: 0))
            let row = other.kernel.registry.row
            let taken = try await far.store.takeOver(
                SessionTakeover(
                    id: id, peer: home.uuid, worker: "kernel-2", workerEpoch: row.epoch,
                    secret: [UInt8](repeating: 1, count: 32)), from: 0)
            #expect(taken == 1)
            far.kernel.registry.noteAllAgain()
            try await far.holds(0)
            #expect(await far.store.heldSession(id)?.row.epoch == 1)
            #expect(await far.store.heldSession(id)?.row.worker == "kernel-2")
            await other.stop()
        }
    }

    @Test func `a session goes on when the database answers again`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let id = try await home.session(with: far)
            await far.store.answerAboutSessions(.none)
            let session = try await far.session(id, epoch: 0)
            session.eventLoop.execute { session.close(.goingAway) }
            try await Task.sleep(for: WorkerRegistry.resumePatience + .seconds(1))
            #expect(home.kernel.kernel.suspendedCount == 1 && far.kernel.kernel.suspendedCount == 1)
            await far.store.answerAboutSessions(.all)
            _ = try await far.session(id, epoch: 1)
            _ = try await home.session(id, epoch: 1)
        }
    }

    @Test func `a takeover whose answer was lost is answered when it is asked again`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let id = try await home.session(with: far)
            await far.store.answerAboutSessions(.lostTakeovers)
            let session = try await far.session(id, epoch: 0)
            session.eventLoop.execute { session.close(.goingAway) }
            _ = try await far.session(id, epoch: 1)
            _ = try await home.session(id, epoch: 1)
        }
    }

    @Test func `a secret that is refused leaves the session to an older one`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let id = try await home.session(with: far)
            let session = try await far.session(id, epoch: 0)
            await far.kernel.drain.listeners.close()
            session.eventLoop.execute { session.close(.goingAway) }
            // An attempt of which the other side never heard anything.
            let connector = try #require(home.kernel.host.resumer)
            let suspended = try await connector.suspended(with: far.uuid)
            try await suspended.eventLoop.submit {
                let slab = home.kernel.host.context(of: suspended.eventLoop)?.environment.slab
                let secret = try slab.map { slab in
                    try Secret(count: ResumptionProof.secretBytes, in: slab) { $0.copyBytes(from: [7]) }
                }
                if let secret { suspended.unanswered(secret) }
            }.get()
            try await far.kernel.drain.listeners.open()
            _ = try await far.session(id, epoch: 1)
            _ = try await home.session(id, epoch: 1)
        }
    }

    @Test func `an earlier epoch that comes late does not take a session's place, nor its end away`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let id = try await home.session(with: far)
            let first = try await far.session(id, epoch: 0)
            first.eventLoop.execute { first.close(.goingAway) }
            let second = try await far.session(id, epoch: 1)
            let kernel = far.kernel.kernel
            let late = try await second.eventLoop.submit { second.renamed(id, 1) }.get()
            guard case .late = kernel.resumed(try #require(late)) else {
                Issue.record("it took the place")
                return
            }
            try await first.eventLoop.submit {
                kernel.suspended(first)
                kernel.ended(first, reason: "late")
            }.get()
            kernel.superseded([SessionStand(id: id, epoch: 0)])
            try await Task.sleep(for: .milliseconds(50))
            #expect(kernel.session(id) === second && kernel.suspendedCount == 0)
        }
    }

    @Test func `a worker that lost its lease before a secret was written writes it with the new one`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let id = try await home.session(with: far)
            let row = far.kernel.registry.row
            await far.store.removeWorker(row.registration.name, epoch: row.epoch)
            await far.store.loseSessions()
            await far.kernel.registry.renew()
            try await far.written(id, 0)
            let session = try await far.session(id, epoch: 0)
            session.eventLoop.execute { session.close(.goingAway) }
            _ = try await far.session(id, epoch: 1)
        }
    }

    @Test func `a row that its peer never came for goes`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let id = try await home.session(with: far)
            try await far.set(NodeSettings.resumeWindow.definition, "1s")
            let row = far.kernel.registry.row
            let taken = try await far.store.takeOver(
                SessionTakeover(
                    id: id, peer: home.uuid, worker: row.registration.name, workerEpoch: row.epoch,
                    secret: [UInt8](repeating: 1, count: 32)), from: 0)
            let session = try await far.session(id, epoch: 0)
            far.kernel.host.abandoned(SessionStand(id: id, epoch: taken), on: session.eventLoop)
            while await far.store.heldSession(id) != nil { try await Task.sleep(for: .milliseconds(20)) }
        }
    }
}

extension Connector {
    /// Waits until the session that was dialled to the node is about to go on.
    fileprivate func suspended(with node: NodeUUID) async throws -> SuspendedSession {
        while true {
            if let suspended = suspensions[node] { return suspended }
            try await Task.sleep(for: .milliseconds(1))
        }
    }
}

extension KernelNode {
    /// A session that the other node has written down.
    func session(with far: KernelNode) async throws -> SessionID {
        try await know(far)
        try await far.know(self)
        let id = try await connect(to: far.uuid).get()
        try await far.holds(1)
        try await far.written(id, 0)
        return id
    }

    /// Waits until the worker holds the session at that epoch.
    func session(_ id: SessionID, epoch: SessionEpoch) async throws -> SessionEndpoint {
        while true {
            if let session = kernel.kernel.session(id), session.epoch == epoch { return session }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    fileprivate func anySession(but id: SessionID) async throws -> SessionEndpoint {
        while true {
            if let session = kernel.kernel.sessions.first(where: { $0.id != id }) { return session }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Waits until the session is written down at that epoch, with a secret.
    func written(_ id: SessionID, _ epoch: SessionEpoch) async throws {
        while true {
            if let held = await store.heldSession(id), held.row.epoch == epoch, !held.secret.isEmpty { return }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Has another secret in the session's row.
    fileprivate func forget(_ id: SessionID) async throws {
        guard let held = await store.heldSession(id) else { return }
        _ = try await store.noteSessions(
            of: held.row.worker, epoch: kernel.registry.row.epoch,
            opened: [SessionNote(row: held.row, secret: [UInt8](repeating: 9, count: 32))], closed: [])
    }
}

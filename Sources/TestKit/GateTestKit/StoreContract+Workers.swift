import GateModel
import GateStore

extension StoreContract {
    static let one = WorkerRegistration(name: "kernel-1", linkAddress: "127.0.0.1:7710", adminAddress: "")
    static let two = WorkerRegistration(name: "kernel-2", linkAddress: "127.0.0.1:7711", adminAddress: "[::1]:7731")
    static let lease = Duration.seconds(30)

    static func session(_ number: UInt64, of worker: String, peer: NodeUUID?, epoch: UInt32 = 0) -> SessionRow {
        SessionRow(
            id: SessionID(UUIDBytes(high: number, low: 1)), epoch: epoch, peer: peer, worker: worker,
            isRelayed: peer == nil,
            isInbound: true, since: UnixTime(seconds: 7))
    }

    static let workers = [
        Case("workers register, are listed, renew with their load, and leave") { subject in
            let second = try await subject.store.registerWorker(two, lease: lease)
            let first = try await subject.store.registerWorker(one, lease: lease)
            try expect(first.id != second.id && first.epoch > second.epoch, "ids differ, epochs rise")
            try expect(first.leaseLeft == lease && first.registration == one, "the row says what was asked")
            let load = WorkerLoad(sessions: 1, circuits: 2, streams: 3)
            let renewed = try await subject.store.renewWorker("kernel-1", epoch: first.epoch, load: load, lease: lease)
            try expect(renewed.load == load, "the load is told")
            try await expect(subject.store.workers().map(\.registration) == [one, two], "listed by name")
            try await subject.store.removeWorker("kernel-1", epoch: first.epoch)
            try await expect(subject.store.workers().map(\.registration) == [two], "gone")
        },
        Case("a lease ends on the store's clock") { subject in
            let row = try await subject.store.registerWorker(one, lease: lease)
            subject.clock.advance(by: .seconds(29))
            try await expect(subject.store.workers().first?.leaseLeft == .seconds(1), "one second is left")
            subject.clock.advance(by: .seconds(1))
            try await expect(subject.store.workers().isEmpty, "it is over")
            try await expect(.leaseLost) {
                _ = try await subject.store.renewWorker("kernel-1", epoch: row.epoch, load: WorkerLoad(), lease: lease)
            }
        },
        Case("a newer registration fences the older one and keeps its id") { subject in
            let old = try await subject.store.registerWorker(one, lease: lease)
            let new = try await subject.store.registerWorker(one, lease: lease)
            try expect(new.id == old.id && new.epoch > old.epoch, "same id, greater epoch")
            try await expect(.leaseLost) {
                _ = try await subject.store.renewWorker("kernel-1", epoch: old.epoch, load: WorkerLoad(), lease: lease)
            }
            try await subject.store.removeWorker("kernel-1", epoch: old.epoch)
            try await expect(subject.store.workers().map(\.epoch) == [new.epoch], "the older one removes nothing")
        },
        Case("a worker is told to drain") { subject in
            let row = try await subject.store.registerWorker(one, lease: lease)
            try await subject.store.setDraining("kernel-1", true)
            let renewed = try await subject.store.renewWorker(
                "kernel-1", epoch: row.epoch, load: WorkerLoad(), lease: lease)
            try expect(renewed.isDraining, "it learns at renewal")
            try await expect(.notFound) { try await subject.store.setDraining("kernel-9", true) }
            let again = try await subject.store.registerWorker(one, lease: lease)
            try expect(!again.isDraining, "a new start does not drain")
        },
    ]

    static let sessions = [
        Case("sessions are listed while their worker lives") { subject in
            let first = try await subject.store.registerWorker(one, lease: lease)
            let rows = [session(1, of: "kernel-1", peer: node(1)), session(2, of: "kernel-1", peer: nil)]
            _ = try await subject.store.noteSessions(
                of: "kernel-1", epoch: first.epoch, opened: rows.map { SessionNote(row: $0) }, closed: [])
            try await expect(subject.store.sessions(after: nil, limit: 10) == rows, "listed by id")
            try await expect(subject.store.sessions(after: rows[0].id, limit: 10) == [rows[1]], "in pages")
            let closed = [SessionStand(id: rows[0].id, epoch: 1), SessionStand(id: rows[1].id, epoch: 0)]
            _ = try await subject.store.noteSessions(of: "kernel-1", epoch: first.epoch, opened: [], closed: closed)
            try await expect(
                subject.store.sessions(after: nil, limit: 10) == [rows[0]],
                "closed ones go, at the epoch that was closed")
            subject.clock.advance(by: lease)
            try await expect(subject.store.sessions(after: nil, limit: 10).isEmpty, "with the lease they go")
            _ = try await subject.store.registerWorker(one, lease: lease)
            try await expect(subject.store.sessions(after: nil, limit: 10).isEmpty, "and do not come back")
        },
        Case("a fenced worker writes no sessions, and none writes another's") { subject in
            let old = try await subject.store.registerWorker(one, lease: lease)
            let new = try await subject.store.registerWorker(one, lease: lease)
            let row = SessionNote(row: session(1, of: "kernel-1", peer: nil))
            try await expect(.leaseLost) {
                _ = try await subject.store.noteSessions(of: "kernel-1", epoch: old.epoch, opened: [row], closed: [])
            }
            let foreign = SessionNote(row: session(2, of: "kernel-2", peer: nil))
            try await expectInvalid {
                _ = try await subject.store.noteSessions(
                    of: "kernel-1", epoch: new.epoch, opened: [foreign], closed: [])
            }
            try await expect(subject.store.sessions(after: nil, limit: 10).isEmpty, "nothing was written")
        },
        Case("what is noted at a lower epoch, or of another worker that is there, is superseded") { subject in
            let first = try await subject.store.registerWorker(one, lease: lease)
            let second = try await subject.store.registerWorker(two, lease: lease)
            let row = session(1, of: "kernel-1", peer: node(1), epoch: 3)
            _ = try await subject.store.noteSessions(
                of: "kernel-1", epoch: first.epoch, opened: [SessionNote(row: row)], closed: [])
            for epoch: UInt32 in [2, 3, 4] {
                let stale = SessionNote(row: session(1, of: "kernel-2", peer: node(1), epoch: epoch))
                let superseded = try await subject.store.noteSessions(
                    of: "kernel-2", epoch: second.epoch, opened: [stale], closed: [])
                try expect(superseded == [row.id], "told to who noted it")
            }
            try await expect(subject.store.sessions(after: nil, limit: 10) == [row], "and nothing changed")
        },
        Case("the newest refusals are kept, newest first") { subject in
            func refusal(_ number: Int) -> RefusalRow {
                RefusalRow(
                    at: UnixTime(seconds: Int64(number)), isInbound: true, node: number % 2 == 0 ? node(1) : nil,
                    address: "192.0.2.1:9", reason: "not allowed \(number)", worker: "kernel-1")
            }
            try await subject.store.noteRefusals((0..<1000).map(refusal))
            try await subject.store.noteRefusals((1000..<1010).map(refusal))
            try await expect(subject.store.refusals(limit: 2) == [refusal(1009), refusal(1008)], "newest first")
            let long = RefusalRow(
                at: UnixTime(seconds: 1), isInbound: true, node: nil, address: "",
                reason: String(repeating: "x", count: 201), worker: "kernel-1")
            try await expectInvalid { try await subject.store.noteRefusals([long]) }
        },
    ]
}

import Foundation
package import GateModel
package import GateStore

extension LinkStore: WorkerStore, SessionKeeper, RefusalStore {
    package func registerWorker(_ registration: WorkerRegistration, lease: Duration)
        async throws(StoreFailure) -> WorkerRow
    {
        var body = WireRegisterWorker()
        body.name = registration.name
        body.linkAddress = registration.linkAddress
        body.adminAddress = registration.adminAddress
        body.leaseMilliseconds = lease.wholeMilliseconds
        return try await ask(.workersRegister, body, as: WireWorker.self).row
    }

    package func renewWorker(_ name: String, epoch: WorkerEpoch, load: WorkerLoad, lease: Duration)
        async throws(StoreFailure) -> WorkerRow
    {
        var body = WireRenewWorker()
        body.name = name
        body.epoch = WireEpoch(epoch)
        body.load = WireLoad(load)
        body.leaseMilliseconds = lease.wholeMilliseconds
        return try await ask(.workersRenew, body, as: WireWorker.self).row
    }

    package func removeWorker(_ name: String, epoch: WorkerEpoch) async throws(StoreFailure) {
        var body = WireRemoveWorker()
        body.name = name
        body.epoch = WireEpoch(epoch)
        try await tell(.workersRemove, body)
    }

    package func setDraining(_ name: String, _ isDraining: Bool) async throws(StoreFailure) {
        var body = WireSetDraining()
        body.name = name
        body.isDraining = isDraining
        try await tell(.workersDrain, body)
    }

    package func workers() async throws(StoreFailure) -> [WorkerRow] {
        try await ask(.workersList, as: WireWorkers.self).workers.map(\.row)
    }

    package func noteSessions(of worker: String, epoch: WorkerEpoch, opened: [SessionNote], closed: [SessionStand])
        async throws(StoreFailure) -> [SessionID]
    {
        try opened.check(of: worker, closed: closed)
        var body = WireNoteSessions()
        body.worker = worker
        body.epoch = WireEpoch(epoch)
        body.opened = opened.map(WireSession.init)
        body.closed = closed.map(WireStand.init)
        let superseded = try await ask(.sessionsNote, body, as: WireSuperseded.self).sessions
        return try converted(superseded) { id throws(StoreFailure) in SessionID(try uuid(id)) }
    }

    package func resumeSession(_ takeover: SessionTakeover, proof: SessionProof) async throws(StoreFailure) -> UInt32 {
        try takeover.check()
        return try await ask(.sessionsResume, WireResume(takeover, proof), as: WireResumed.self).epoch
    }

    package func sessions(after: SessionID?, limit: Int) async throws(StoreFailure) -> [SessionRow] {
        var body = WirePage()
        if let after { body.after = after.value.data }
        body.limit = UInt32(clamping: limit)
        let sessions = try await ask(.sessionsList, body, as: WireSessions.self).sessions
        return try converted(sessions) { row throws(StoreFailure) in try row.row() }
    }

    package func noteRefusals(_ refusals: [RefusalRow]) async throws(StoreFailure) {
        try checkCount(refusals.count, of: "refusals", atMost: StoreLimit.batchRows)
        var body = WireRefusals()
        body.refusals = refusals.map(WireRefusal.init)
        try await tell(.refusalsNote, body)
    }

    package func refusals(limit: Int) async throws(StoreFailure) -> [RefusalRow] {
        var body = WirePage()
        body.limit = UInt32(clamping: limit)
        let refusals = try await ask(.refusalsList, body, as: WireRefusals.self).refusals
        return try converted(refusals) { row throws(StoreFailure) in try row.row() }
    }
}

extension LinkStore: ExtenderDataStore {
    package func entry(_ key: [UInt8], of extender: ExtenderID) async throws(StoreFailure) -> DataEntry? {
        var body = WireGetEntry()
        body.extender = extender.value.data
        body.key = Data(key)
        return try await find(.dataGet, body, as: WireEntry.self)?.entry
    }

    package func entries(prefix: [UInt8], after: [UInt8]?, limit: Int, of extender: ExtenderID)
        async throws(StoreFailure) -> [DataEntry]
    {
        var body = WireListEntries()
        body.extender = extender.value.data
        body.prefix = Data(prefix)
        if let after { body.after = Data(after) }
        body.limit = UInt32(clamping: limit)
        return try await ask(.dataList, body, as: WireEntries.self).entries.map(\.entry)
    }

    package func commit(_ transaction: DataTransaction, of extender: ExtenderID) async throws(StoreFailure) -> Int64 {
        try transaction.check()
        return try await ask(.dataCommit, WireCommit(transaction, of: extender), as: WireVersion.self).version
    }

    package func usage(of extender: ExtenderID) async throws(StoreFailure) -> DataUsage {
        var body = WireExtender()
        body.extender = extender.value.data
        return try await ask(.dataUsage, body, as: WireUsage.self).usage
    }

    package func setQuota(bytes: Int64, keys: Int64, of extender: ExtenderID) async throws(StoreFailure) {
        var body = WireSetQuota()
        body.extender = extender.value.data
        body.bytes = bytes
        body.keys = keys
        try await tell(.dataQuota, body)
    }
}

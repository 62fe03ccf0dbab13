package import GateLink
import GateModel
package import GateStore
package import NIOCore
import SwiftProtobuf

/// Answers requests over links from any stores, each caller within its role and rights (see `StoreMethod`).
///
/// Whether the caller is who it says was settled by its link's certificate.
package struct StoreDispatcher: Sendable {
    let store: any ServedStore
    let certifier: any WorkerCertifier
    let keeper: any SessionKeeper
    /// Who signs link certificates; `nil`: nobody here.
    let links: (any LinkCertifier)?
    private let rights: RightsCache

    /// - Parameter rightsAge: how old the rights may be by which a request is judged; zero: asked for each.
    package init(
        store: any ServedStore, certifier: any WorkerCertifier, keeper: any SessionKeeper,
        links: (any LinkCertifier)? = nil, rightsAge: Duration = .zero
    ) {
        rights = RightsCache(age: rightsAge)
        self.store = store
        self.certifier = certifier
        self.keeper = keeper
        self.links = links
    }

    /// The reply to one request; never throws, a failure is a reply.
    package func reply(to method: String, _ body: ByteBuffer, from caller: LinkName) async -> LinkReply {
        guard let method = StoreMethod(rawValue: method), method != .changes else {
            return LinkReply(status: .unknownMethod, reason: "there is no such method")
        }
        do throws(StoreFailure) {
            let call = try await permit(method, body, caller)
            return LinkReply(status: .done, body: try await answer(call))
        } catch {
            return error.reply
        }
    }

    /// The events of a watch, or the failure as a reply.
    package func watch(
        _ method: String, _ body: ByteBuffer, from caller: LinkName
    ) async -> Result<AsyncStream<ByteBuffer>, StoreFailure> {
        guard method == StoreMethod.changes.rawValue else { return .failure(.invalid("there is no such watch")) }
        do throws(StoreFailure) {
            let call = try await permit(.changes, body, caller)
            return .success(try await changes(call))
        } catch {
            return .failure(error)
        }
    }

    private func permit(
        _ method: StoreMethod, _ body: ByteBuffer, _ caller: LinkName
    ) async throws(StoreFailure) -> StoreCall {
        guard method.permits(caller.role) else { throw .notPermitted }
        let rights = try await self.rights.rights(of: caller, in: store)
        guard !rights.isRevoked else { throw .notPermitted }
        return StoreCall(method: method, body: body, caller: caller, rights: rights)
    }

    private func answer(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        switch call.method {
        case .settingsList, .settingsSet, .settingsHistory: try await settings(call)
        case .peersGet, .peersList, .peersEdit, .peersRemove, .peersNote: try await peers(call)
        case .accessList, .accessSet, .accessRemove: try await access(call)
        case .reputationNote, .reputationGet, .reputationList: try await reputation(call)
        case .bansGet, .bansList, .bansSet, .bansLift: try await bans(call)
        case .workersRegister, .workersRenew, .workersRemove, .workersList, .workersDrain: try await workers(call)
        case .sessionsNote, .sessionsResume, .sessionsList, .refusalsNote, .refusalsList:
            try await offLoop { () async throws(StoreFailure) in try await sessions(call) }
        case .rightsGet, .rightsList, .rightsSet, .rightsRemove: try await rights(call)
        case .dataGet, .dataList, .dataCommit, .dataUsage, .dataQuota: try await data(call)
        case .identityBundle, .identityRecord, .identityChallenge, .identityCertify:
            try await offLoop { () async throws(StoreFailure) in try await identity(call) }
        case .linkJoin, .linkRenew, .linkAuthority:
            try await offLoop { () async throws(StoreFailure) in try await links(call) }
        case .changes: throw .invalid("a watch is no request")
        }
    }

    /// Signatures and seals of the vault take milliseconds, which no event loop has.
    private func offLoop(
        _ work: () async throws(StoreFailure) -> ByteBuffer
    ) async throws(StoreFailure) -> ByteBuffer {
        try await withTaskExecutorPreference(globalConcurrentExecutor) { () async throws(StoreFailure) in
            try await work()
        }
    }
}

/// A request whose caller may ask its method.
struct StoreCall: Sendable {
    let method: StoreMethod
    let body: ByteBuffer
    let caller: LinkName
    let rights: RightsRow

    /// The body, bounded by what the method takes.
    func read<Body: SwiftProtobuf.Message>(_ type: Body.Type = Body.self) throws(StoreFailure) -> Body {
        try parsed(body, atMost: method.bodyBytesMax)
    }

    /// Throws unless a kernel speaks for itself.
    func requireOwn(_ worker: String) throws(StoreFailure) {
        guard worker == caller.name else { throw .notPermitted }
    }

    /// Whether the caller may read a setting.
    func mayRead(setting key: String) -> Bool {
        guard case .extender = caller.role else { return true }
        return rights.settingPrefixes.contains { key.hasPrefix($0) }
    }

    /// Throws unless the caller may use an extender's data.
    func requireData(of extender: ExtenderID) throws(StoreFailure) {
        switch caller.role {
        case .operator: return
        case .extender(let own):
            guard own == extender, rights.extenders.contains(extender) else { throw .notPermitted }
        case .kernel, .database, .join: throw .notPermitted
        }
    }

    /// Whether the caller may watch a topic.
    func mayWatch(_ topic: StoreTopic) -> Bool {
        switch (caller.role, topic) {
        case (.operator, _): true
        case (.kernel, .data): false
        case (.kernel, _): true
        case (.extender, .settings), (.extender, .workers): true
        case (.extender, .data(let extender)): (try? requireData(of: extender)) != nil
        case (.extender, .peers), (.extender, .addressRules), (.extender, .bans), (.extender, .rights): false
        case (.database, _), (.join, _): false
        }
    }
}

package import GateLink
package import GateStore

/// What the database service is asked over links: the request's method, who may ask it, and its two bodies.
///
/// | methods                                       | kernel      | extender                        | operator |
/// | --------------------------------------------- | ----------- | ------------------------------- | -------- |
/// | link.renew                                    | who joined  | who joined                      | no       |
/// | link.authority                                | no          | no                              | yes      |
/// | settings.list                                 | all         | keys with its granted prefixes  | all      |
/// | settings.set, settings.history                | no          | no                              | yes      |
/// | peers.get, peers.list                         | yes         | no                              | yes      |
/// | peers.edit, peers.remove                      | no          | no                              | yes      |
/// | peers.note                                    | yes         | no                              | no       |
/// | access.list                                   | yes         | no                              | yes      |
/// | access.set, access.remove                     | no          | no                              | yes      |
/// | reputation.note                               | yes         | no                              | no       |
/// | reputation.get, bans.get, bans.list           | yes         | no                              | yes      |
/// | reputation.list, bans.set, bans.lift          | no          | no                              | yes      |
/// | workers.register, .renew, .remove             | own name    | no                              | no       |
/// | workers.list                                  | yes         | yes                             | yes      |
/// | workers.drain                                 | own name    | no                              | yes      |
/// | sessions.note, sessions.resume, refusals.note | own name    | no                              | no       |
/// | sessions.list, refusals.list                  | no          | no                              | yes      |
/// | rights.get                                    | yes         | no                              | yes      |
/// | rights.list, rights.set, rights.remove        | no          | no                              | yes      |
/// | data.get, data.list, data.commit, data.usage  | no          | granted UUID of its certificate | yes      |
/// | data.quota                                    | no          | no                              | yes      |
/// | identity.bundle                               | yes         | no                              | yes      |
/// | identity.record                               | yes         | no                              | yes      |
/// | identity.challenge, identity.certify          | own name    | no                              | no       |
/// | changes (a watch)                             | all but data | its settings, workers, its data | all     |
///
/// A join credential may ask `link.join` and nothing else. A name whose rights are revoked may do nothing, whatever its
/// role; who joined is revoked with its join credential too.
package enum StoreMethod: String, CaseIterable, Sendable {
    case settingsList = "settings.list"
    case settingsSet = "settings.set"
    case settingsHistory = "settings.history"
    case peersGet = "peers.get"
    case peersList = "peers.list"
    case peersEdit = "peers.edit"
    case peersRemove = "peers.remove"
    case peersNote = "peers.note"
    case accessList = "access.list"
    case accessSet = "access.set"
    case accessRemove = "access.remove"
    case reputationNote = "reputation.note"
    case reputationGet = "reputation.get"
    case reputationList = "reputation.list"
    case bansGet = "bans.get"
    case bansList = "bans.list"
    case bansSet = "bans.set"
    case bansLift = "bans.lift"
    case workersRegister = "workers.register"
    case workersRenew = "workers.renew"
    case workersRemove = "workers.remove"
    case workersList = "workers.list"
    case workersDrain = "workers.drain"
    case sessionsNote = "sessions.note"
    case sessionsResume = "sessions.resume"
    case sessionsList = "sessions.list"
    case refusalsNote = "refusals.note"
    case refusalsList = "refusals.list"
    case rightsGet = "rights.get"
    case rightsList = "rights.list"
    case rightsSet = "rights.set"
    case rightsRemove = "rights.remove"
    case dataGet = "data.get"
    case dataList = "data.list"
    case dataCommit = "data.commit"
    case dataUsage = "data.usage"
    case dataQuota = "data.quota"
    case identityBundle = "identity.bundle"
    case identityRecord = "identity.record"
    case identityChallenge = "identity.challenge"
    case identityCertify = "identity.certify"
    case changes = "changes"
    case linkJoin = "link.join"
    case linkRenew = "link.renew"
    case linkAuthority = "link.authority"

    /// Whether a role may ask at all; what of it, the dispatcher decides by name.
    package func permits(_ role: LinkRole) -> Bool {
        switch role {
        case .kernel: isForKernels
        case .extender: isForExtenders
        case .operator: !isForKernelsOnly && self != .linkJoin && self != .linkRenew
        case .join: self == .linkJoin
        case .database: false
        }
    }

    /// The longest body that is read: batches and data are long, everything else short.
    var bodyBytesMax: Int {
        switch self {
        case .peersNote, .sessionsNote, .refusalsNote, .reputationNote, .reputationGet, .dataCommit:
            LinkLimits.payloadBytesMax
        case .peersEdit, .rightsSet, .settingsSet, .identityRecord, .identityCertify, .linkAuthority: 16_384
        default: 4096
        }
    }

    private var isForKernelsOnly: Bool {
        switch self {
        case .peersNote, .workersRegister, .workersRenew, .workersRemove, .sessionsNote,
            .sessionsResume, .refusalsNote, .reputationNote, .identityChallenge, .identityCertify:
            true
        default: false
        }
    }

    private var isForKernels: Bool {
        switch self {
        case .settingsList, .peersGet, .peersList, .accessList, .reputationGet, .bansGet, .bansList, .workersList,
            .rightsGet, .identityBundle, .identityRecord, .changes, .linkRenew, .workersDrain:
            true
        default: isForKernelsOnly
        }
    }

    private var isForExtenders: Bool {
        switch self {
        case .settingsList, .workersList, .dataGet, .dataList, .dataCommit, .dataUsage, .changes, .linkRenew: true
        default: false
        }
    }
}

extension LinkName {
    /// The name without its node, as `RightsStore` keeps rights by: `kernel/kernel-1`, `extender/<uuid>/socks5-1`.
    package var rightsName: String { path }
}

extension RightsRow {
    /// What a freshly issued credential of an extender is granted: that extender, and settings that begin with
    /// `prefixes`.
    package static func attaching(_ link: LinkName, settings prefixes: Set<String> = []) -> RightsRow {
        var row = RightsRow(name: link.rightsName, settingPrefixes: prefixes, mayConnect: true)
        switch link.role {
        case .extender(let extender), .join(.extender(let extender)): row.extenders = [extender]
        case .kernel, .database, .operator, .join(.kernel): break
        }
        return row
    }
}

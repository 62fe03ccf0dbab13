import GateLink
import GateModel
import GateSession
import GateStore
import GateWire
import Synchronization

/// Who may open a session with this worker, as handshakes ask it: at once and without the database.
///
/// Holds what was decided by UUID (about 40 bytes a peer) and the settings that decide the rest; `KernelFeed` keeps it
/// up to date. Until it was filled once nobody is admitted.
final class PeerTable: Sendable {
    private struct State {
        var isFilled = false
        var settings = NodeSettingValues.defaults
        var decisions: [NodeUUID: PeerAccess] = [:]
    }

    private let state = Mutex(State())
    private let bans: BanTable

    init(bans: BanTable = BanTable()) { self.bans = bans }

    var settings: NodeSettingValues { state.withLock(\.settings) }

    func use(_ settings: NodeSettingValues) {
        state.withLock { $0.settings = settings }
        bans.use(settings)
    }

    /// Puts all decisions in place of those before.
    func fill(_ decisions: [NodeUUID: PeerAccess]) {
        state.withLock {
            $0.decisions = decisions
            $0.isFilled = true
        }
    }

    func decide(_ node: NodeUUID, _ access: PeerAccess) {
        state.withLock { $0.decisions[node] = access == .undecided ? nil : access }
    }

    /// Whether the operator allowed the peer by its UUID, whatever else lets peers in.
    func isAllowed(_ peer: PeerName) -> Bool {
        guard case .node(let node) = peer else { return false }
        return state.withLock { $0.decisions[node] == .allowed }
    }

    /// Why a peer may not have a session; `nil` where it may.
    func refusal(of peer: SessionPeer, context: HandshakeContext, at wall: UnixTime) -> Refusal? {
        let isBanned = peer.node.map { bans.bans($0, at: wall) } ?? false
        return state.withLock { state in
            guard state.isFilled else { return .starting }
            switch (peer, context) {
            case (.anonymous, .hop):
                return state.settings[NodeSettings.relayEnabled] ? nil : .relayingOff
            case (.anonymous, .peer), (.anonymous, .endToEnd):
                return state.settings[NodeSettings.accessAnonymous] ? nil : .anonymous
            case (.node, _) where isBanned: return .banned
            case (.node(let node, _, _), _):
                switch state.decisions[node, default: .undecided] {
                case .allowed: return nil
                case .denied: return .denied
                case .undecided: return state.settings[NodeSettings.accessDefault] == .allow ? nil : .notAllowed
                }
            }
        }
    }

    /// Why a peer is refused, in the words of `status` and logs.
    enum Refusal: String, Sendable {
        case starting = "the worker has not read its access rules yet"
        case relayingOff = "relaying is off (setting relay.enabled)"
        case anonymous = "anonymous initiators are not accepted (setting access.anonymous)"
        case denied = "the peer is denied by its UUID"
        case banned = "the peer is banned ('bans list' says since when, until when and why)"
        case notAllowed = "the peer is not on the list of allowed peers"
        case full = "the worker holds as many sessions as it may (setting sessions.maximum)"
        case crowd = "the worker holds as many sessions with the peer as it may (setting sessions.per-peer)"
    }
}

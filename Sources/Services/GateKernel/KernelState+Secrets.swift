import GateModel
import GateStore
import NIOCore

/// What lets the peers of this worker's sessions go on elsewhere, as the database is told it again.
extension KernelState {
    /// The secrets of all that stands and that its peers may go on with elsewhere.
    func resumptionSecrets() async -> [SessionStand: [UInt8]] {
        let resumable = sessions.filter { $0.way.isResumable && $0.isInbound }
        var secrets: [SessionStand: [UInt8]] = [:]
        for (_, all) in Dictionary(grouping: resumable, by: { ObjectIdentifier($0.eventLoop) }) {
            for start in stride(from: 0, to: all.count, by: KernelState.secretsAtOnce) {
                let some = all[start..<min(start + KernelState.secretsAtOnce, all.count)]
                let found = try? await some[start].eventLoop.submit {
                    some.map { (SessionStand(id: $0.id, epoch: $0.epoch), $0.resumptionSecret) }
                }.get()
                for (stand, secret) in found ?? [] { secrets[stand] = secret }
            }
        }
        return secrets
    }

    /// Secrets that are derived before a loop does something else.
    static let secretsAtOnce = 256
}

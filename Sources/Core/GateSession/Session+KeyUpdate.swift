import GateCrypto
import GateModel
import GateWire

/// Replacing the keys while records flow, from version 2 on.
extension Session {
    /// Does what the update asks for; why the session has to end, if it has.
    mutating func follow(_ step: KeyUpdate.Step) -> SessionFailure? {
        switch step {
        case .none: break
        case .send(let messages): for message in messages { outbox.append(control: message) }
        case .fail(let failure): return failure
        }
        return nil
    }

    /// The record that was sealed last ended its epoch: the old keys are wiped.
    mutating func replaceSealer() { sealer = RecordSealer(keys.switched(at: lastHeard)) }

    /// The record that was opened last ended its epoch: the old keys are wiped. `false` where it may not.
    mutating func replaceOpener(_ epoch: UInt32, into events: inout [PeerEvent]) -> Bool {
        guard let next = keys.received(switchTo: epoch, at: lastHeard) else { return false }
        opener = RecordOpener(next)
        events.append(.keysUpdated(epoch: epoch))
        return true
    }
}

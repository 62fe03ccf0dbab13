import CSodium

/// What a program does to itself first thing: no core dumps, all descriptors that it may have, and a look at what may
/// be locked.
package enum ProcessHardening {
    /// Switches core files off and closes this process's memory to other processes of its user; `false` where the
    /// system refused either. Log that; it is no reason to stop.
    @discardableResult
    package static func disableCoreDumps() -> Bool { gate_forbid_core_dumps() == 0 }

    /// Whether core files may be written of this process and other processes of its user may attach to it or read its
    /// memory; `nil` where unknown.
    package static var isDumpable: Bool? {
        switch gate_is_dumpable() {
        case 0: false
        case 1: true
        default: nil
        }
    }

    /// Raises the limit of open descriptors to its hard limit; the count that holds then, `nil` where unknown.
    @discardableResult
    package static func raiseDescriptorLimit() -> Int? { known(gate_raise_descriptor_limit()) }

    /// Bytes that this process may lock (`Int.max`: no limit), `nil` where unknown. Below
    /// `SecretSlab.lockedBytesDefault` secrets may be swapped: worth a warning, and what `doctor` shows.
    package static var lockedMemoryLimit: Int? { known(gate_locked_memory_limit()) }

    private static func known(_ limit: Int64) -> Int? { limit < 0 ? nil : Int(limit) }
}

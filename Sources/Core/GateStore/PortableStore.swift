package import GateAccess
package import GateModel

/// One row of a store in a form that every kind of store gives and takes: what a backup holds.
///
/// Workers, sessions, refusals and the change log are not among them: they are of one moment. Peers make their sessions
/// anew.
package enum PortableRow: Sendable, Equatable {
    /// The generation of the store's epochs, and the counter of the last one.
    case epoch(generation: Int64, counter: Int64)
    /// One version of a setting.
    case setting(SettingRow)
    case peer(PeerRow)
    case addressRule(AddressRule)
    /// The number that a worker's name keeps.
    case workerName(id: UInt64, name: String)
    case rights(RightsRow)
    /// An extender's quota and the version of its last write; bytes and keys are counted from its entries.
    case dataSpace(ExtenderID, lastVersion: Int64, bytesMaximum: Int64, keysMaximum: Int64)
    /// Behind its extender's space.
    case dataEntry(ExtenderID, DataEntry)
    /// What somebody did wrong: the score as of a moment, and when all of it is forgiven.
    case reputation(AccessSubject, Reputation, forgivenAt: UnixTime)
    case ban(BanRow)
    /// A sealed value, as it is.
    case vault(name: String, sealed: [UInt8])
}

/// A store that can be copied as a whole into another one, of whatever kind.
package protocol PortableStore: Sendable {
    /// Gives every row as it was at one moment to `take`, on a thread of the store's: kind by kind in the order of
    /// `PortableRow`, within a kind by its key's bytes. What `take` throws ends it.
    func exportRows(_ take: @escaping @Sendable (PortableRow) throws(StoreFailure) -> Void) async throws(StoreFailure)

    /// Takes every row that `next` gives, in one transaction: all or none. The generation becomes greater than the
    /// one that comes and the one that was. `.conflict` if the store holds anything, unless `replacing`: then all of
    /// it goes, workers and sessions too.
    func importRows(
        replacing: Bool, _ next: @escaping @Sendable () throws(StoreFailure) -> PortableRow?
    ) async throws(StoreFailure)
}

/// A store as the program has it that opened it: it runs beside what is served, says whether it answers, is copied
/// and closed.
package protocol OpenedStore: NodeStore, PortableStore {
    /// Follows what others write to the same store and tells watchers, until cancelled or closed.
    func run() async

    /// Throws where the store answers no query now.
    func probe() async throws(StoreFailure)

    /// Throws `.damaged` where the store's content can be seen not to be sound.
    func checkIntegrity() async throws(StoreFailure)

    /// Ends every watch and closes the store; nothing may be asked afterwards. Closing twice does no harm.
    func close() async
}

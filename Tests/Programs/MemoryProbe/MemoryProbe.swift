/// Runs handshakes and a session, ends them, and counts what is left of their secrets in this process's memory.
///
/// Every secret and marker is kept XOR-masked only, so whatever the scan finds was left behind by the code under test.
/// Prints one line of JSON: copies found while all was alive and after all ended, by kind of memory.
package enum MemoryProbe {
    package static func run(isWiping: Bool) {
        let watch = Watch()
        var during = Scan.Counts()
        do {
            try Exercise.run(watch) { during = Scan.count(watch.patterns) }
        } catch {
            print("{\"failure\": \"\(error)\"}")
            return
        }
        let after = Scan.count(watch.patterns)
        print(
            "{\"wiping\": \(isWiping), \"patterns\": \(watch.patterns.count), \"during\": \(during.json), "
                + "\"after\": \(after.json)}")
    }
}

internal import Foundation
internal import GateModel
internal import GateStore

/// What one kernel worker's admin port says at `/status`: one JSON object whose lists of objects are shown as they are.
struct KernelReport {
    let worker: String
    private let members: [String: Any]

    /// Asks every worker that has an admin address; those that do not answer are left out.
    static func all(of workers: [WorkerRow]) async -> [KernelReport] {
        var reports: [KernelReport] = []
        for worker in workers {
            guard let endpoint = Endpoint(text: worker.registration.adminAddress),
                let text = try? await AdminClient.get("/status", from: endpoint),
                let members = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            else { continue }
            reports.append(KernelReport(worker: worker.registration.name, members: members))
        }
        return reports
    }

    init(worker: String, members: [String: Any]) {
        self.worker = worker
        self.members = members
    }

    /// The objects of one list, each member as text.
    func rows(_ list: String) -> [[String: String]] {
        let objects = members[list] as? [[String: Any]] ?? []
        return objects.map { object in
            var row = object.mapValues { "\($0)" }
            row["worker"] = worker
            return row
        }
    }

    /// Rows of all reports as a listing, with the columns that any of them has.
    static func listing(_ list: String, of reports: [KernelReport], empty: String) -> Listing<[String: String]> {
        let rows = reports.flatMap { $0.rows(list) }
        let names = Set(rows.flatMap(\.keys)).sorted()
        return Listing(
            columns: names.map { name in (name.uppercased(), { (row: [String: String]) in row[name] ?? "" }) },
            rows: rows,
            empty: empty)
    }
}

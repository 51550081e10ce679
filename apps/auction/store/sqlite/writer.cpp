#include "apps/auction/store/sqlite/writer.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "apps/auction/store/sqlite/schema.hpp"

namespace sluice::auction::sqlite {

namespace {

Connection open_for_writing(const Options& options) {
  Connection db(options.file, Access::create, options.vfs);
  sqlite3_busy_timeout(db.get(), static_cast<int>(options.busy_timeout.count()));
  prepare_schema(db);  // before anything that would change a file which is not ours
  db.require(
      "PRAGMA journal_mode = WAL;"
      "PRAGMA synchronous = FULL;"
      "PRAGMA wal_autocheckpoint = 0;"
      "PRAGMA journal_size_limit = 67108864;"
      "PRAGMA temp_store = MEMORY;"
      "PRAGMA secure_delete = OFF;"
      "PRAGMA cache_size = -65536;");
  Statement mode(db, "PRAGMA journal_mode");
  Query query = mode.run();
  if (!query.next() || query.row().text() != "wal") {
    throw std::runtime_error("the file system of " + options.file.string() + " can't hold a write-ahead log");
  }
  db.number("SELECT count(*) FROM regions");  // recovers the log before the first reader comes
  return db;
}

}  // namespace

Writer::Writer(const Options& options, Health& health, Changes& changes)
    : options_(options),
      health_(health),
      changes_(changes),
      db_(open_for_writing(options)),
      operations_(db_),
      begin_(db_, "BEGIN IMMEDIATE"),
      commit_(db_, "COMMIT"),
      savepoint_(db_, "SAVEPOINT job"),
      release_(db_, "RELEASE job"),
      roll_back_to_(db_, "ROLLBACK TO job"),
      data_version_(db_, "PRAGMA data_version"),
      house_due_(Monotonic::now()),
      look_due_(house_due_),
      checkpoint_due_(options.checkpoint_pages) {
  const auto note_length = [](void* self, sqlite3*, const char*, int pages) {
    static_cast<Writer*>(self)->log_pages_ = pages;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(db_.get(), note_length, this);
  thread_ = std::thread([this] { run(); });
}

Writer::~Writer() { stop(); }

void Writer::submit(std::unique_ptr<Job> job) {
  StoreError refusal = StoreError::unavailable;
  if (health_.open()) {
    const std::scoped_lock lock(mutex_);
    if (!stopping_ && queue_.size() < options_.queue_max) {
      queue_.push_back(std::move(job));
      if (queue_.size() == 1) wake_.notify_one();
      return;
    }
    if (!stopping_) refusal = StoreError::overloaded;
  }
  counters_.refused.fetch_add(1, std::memory_order_relaxed);
  job->complete(refusal);
}

void Writer::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Writer::run() {
  Batch batch;
  while (next_batch(batch)) {
    if (!batch.empty()) write(batch);
    batch.clear();
    if (Monotonic::now() >= house_due_) keep_house();
    if (Monotonic::now() >= look_due_) look_for_others();
    checkpoint();
  }
  // Closing a connection copies the log into the database. Not a log that may not be what we wrote: the next
  // start reads it with its checksums.
  if (!health_.open()) sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

/// Waits for work, or for the time to look after something. False when stopped and nothing is left.
bool Writer::next_batch(Batch& batch) {
  std::unique_lock lock(mutex_);
  wake_.wait_until(lock, std::min(house_due_, look_due_), [this] { return stopping_ || !queue_.empty(); });
  batch.swap(queue_);
  return !batch.empty() || !stopping_;
}

void Writer::write(const Batch& batch) {
  operations_.forget_changed();
  error_code failure;
  if (!health_.open()) {
    failure = StoreError::unavailable;
  } else if (const auto begin_error = begin_.execute()) {
    failure = abandon(begin_error, "beginning to write");
  } else if (const auto job_error = run_jobs(batch)) {
    failure = abandon(job_error, "writing");
  } else if (const auto commit_error = commit()) {
    failure = abandon(commit_error, "committing");
  } else {
    health_.set_disk_full(false);
  }
  changes_.end(operations_.changed());
  counters_.batches.fetch_add(1, std::memory_order_relaxed);
  counters_.jobs.fetch_add(batch.size(), std::memory_order_relaxed);
  if (failure) {
    counters_.batches_failed.fetch_add(1, std::memory_order_relaxed);
    counters_.jobs_failed.fetch_add(batch.size(), std::memory_order_relaxed);
  }
  for (const auto& job : batch) job->complete(failure);
}

/// An error is one that the whole batch has to suffer for.
error_code Writer::run_jobs(const Batch& batch) {
  const WallSeconds now = options_.clock();
  for (const auto& job : batch) {
    if (const auto error = savepoint_.execute()) return error;
    if (const auto job_error = job->run(operations_, now)) {
      if (verdict_on(job_error) != Verdict::refused) return job_error;
      if (const auto error = roll_back_to_.execute()) return error;
    }
    if (const auto error = release_.execute()) return error;
  }
  return {};
}

error_code Writer::commit() {
  changes_.begin(operations_.changed());
  const auto start = Monotonic::now();
  const auto error = commit_.execute();
  count_commit(Monotonic::now() - start);
  return error;
}

/// Undoes the transaction, and decides whether the store goes on.
StoreError Writer::abandon(const error_code& error, const char* doing) {
  // Some errors have rolled back by themselves.
  if (sqlite3_get_autocommit(db_.get()) == 0) db_.execute("ROLLBACK");
  if (verdict_on(error) == Verdict::disk_full) health_.set_disk_full(true);
  return health_.judge(error, doing);
}

void Writer::keep_house() {
  house_due_ = Monotonic::now() + options_.housekeeping_every;
  if (!health_.open()) return;
  if (begin_.execute()) return;  // another process writes: next time
  const auto more = operations_.keep_house(options_.clock());
  if (const auto error = more ? commit_.execute() : more.error()) {
    abandon(error, "keeping house");
  } else if (*more) {
    house_due_ = Monotonic::now();  // after the bids that came in meanwhile
  }
}

void Writer::alone(bool yes) {
  const std::scoped_lock lock(mutex_);
  alone_ = yes;
  ++told_;
  if (!yes) changes_.shared(true);
}

void Writer::look_for_others() {
  look_due_ = Monotonic::now() + options_.look_every;
  if (!health_.open()) return;
  std::unique_lock lock(mutex_);
  const bool alone = alone_;
  const unsigned told = told_;
  lock.unlock();
  Query query = data_version_.run();
  if (!query.next()) return;  // another process holds the file: next time
  const std::int64_t version = query.row().number();
  if (std::exchange(seen_version_, version) != version) changes_.everything();
  lock.lock();
  if (alone && told == told_) changes_.shared(false);  // what the others wrote before they ended was seen
}

/// Copies the log into the database once it has grown; the next commit then starts it anew. Readers are not
/// held up (SQLITE_CHECKPOINT_PASSIVE), and nobody waits for an answer meanwhile but the next batch. A reader
/// that is still at an older state may keep it from finishing; then it is tried again a little later, not at
/// every commit.
void Writer::checkpoint() {
  if (log_pages_ < options_.checkpoint_pages)
    checkpoint_due_ = options_.checkpoint_pages;  // it was started anew
  if (log_pages_ < checkpoint_due_ || !health_.open()) return;
  checkpoint_due_ = log_pages_ + options_.checkpoint_pages / 4;
  const int code = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK && verdict_on(sqlite_error(code)) == Verdict::broken) {
    abandon(sqlite_error(code), "copying the log");
  }
}

void Writer::count_commit(std::chrono::nanoseconds took) noexcept {
  const double seconds = std::chrono::duration<double>(took).count();
  std::size_t bucket = 0;
  while (bucket < Counters::kCommitSeconds.size() && seconds > Counters::kCommitSeconds[bucket]) ++bucket;
  counters_.commits[bucket].fetch_add(1, std::memory_order_relaxed);
  counters_.commit_nanos.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
}

std::string Writer::metrics() const {
  std::ostringstream out;
  const auto metric = [&out](const char* name, const char* type, const char* help, auto value) {
    out << "# HELP sluice_store_" << name << ' ' << help << "\n# TYPE sluice_store_" << name << ' ' << type
        << "\nsluice_store_" << name << ' ' << value << '\n';
  };
  std::size_t depth = 0;
  {
    const std::scoped_lock lock(mutex_);
    depth = queue_.size();
  }
  metric("write_queue_depth", "gauge", "Writes that wait for the writer.", depth);
  metric("write_queue_limit", "gauge", "Writes that may wait.", options_.queue_max);
  metric("writes_refused_total", "counter", "Writes refused by a full queue or a closed store.",
         counters_.refused.load(std::memory_order_relaxed));
  metric("write_batches_total", "counter", "Transactions of the writer.",
         counters_.batches.load(std::memory_order_relaxed));
  metric("write_batches_failed_total", "counter", "Transactions that were rolled back.",
         counters_.batches_failed.load(std::memory_order_relaxed));
  metric("writes_total", "counter", "Writes that were part of a transaction.",
         counters_.jobs.load(std::memory_order_relaxed));
  metric("writes_failed_total", "counter", "Writes whose transaction was rolled back.",
         counters_.jobs_failed.load(std::memory_order_relaxed));

  const char* const name = "sluice_store_commit_seconds";
  out << "# HELP " << name << " Time to make a transaction durable.\n# TYPE " << name << " histogram\n";
  std::uint64_t sum = 0;
  for (std::size_t bucket = 0; bucket < counters_.commits.size(); ++bucket) {
    sum += counters_.commits[bucket].load(std::memory_order_relaxed);
    out << name << "_bucket{le=\"";
    if (bucket < Counters::kCommitSeconds.size()) {
      out << Counters::kCommitSeconds[bucket];
    } else {
      out << "+Inf";
    }
    out << "\"} " << sum << '\n';
  }
  out << name << "_sum " << static_cast<double>(counters_.commit_nanos.load(std::memory_order_relaxed)) / 1e9
      << '\n'
      << name << "_count " << sum << '\n';
  return out.str();
}

}  // namespace sluice::auction::sqlite

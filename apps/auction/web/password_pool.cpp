#include "apps/auction/web/password_pool.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <stdexcept>

#include "apps/auction/web/secrets.hpp"
#include "base/clock.hpp"

namespace sluice::auction::web {

namespace asio = boost::asio;

namespace {

constexpr double kSmoothing = 0.1;

PasswordCost checked(const PasswordCost& cost) {
  if (!is_acceptable(cost)) throw std::invalid_argument("password cost out of range (see PasswordCost)");
  return cost;
}

/// Wipes a password once it isn't needed.
class Secret {
 public:
  explicit Secret(std::string text) noexcept : text_(std::move(text)) {}
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
  ~Secret() { wipe(text_); }
  const std::string& text() const noexcept { return text_; }

 private:
  static void wipe(std::string& text) noexcept { OPENSSL_cleanse(text.data(), text.size()); }
  std::string text_;
};

}  // namespace

PasswordPool::PasswordPool(Config config)
    : config_(config), decoy_(hash_password(random_bytes(16), checked(config.cost))) {
  for (unsigned i = 0; i < config_.threads; ++i) threads_.emplace_back([this] { work(); });
}

PasswordPool::~PasswordPool() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  ready_.notify_all();
}

void PasswordPool::work() {
  std::unique_lock lock{mutex_};
  while (true) {
    ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    auto job = take();
    const void* const owner = job->owner;
    at_work_for_.push_back(owner);
    lock.unlock();
    const auto started = Monotonic::now();
    job->run();
    job.reset();
    const std::chrono::duration<double> took = Monotonic::now() - started;
    lock.lock();
    job_s_ += kSmoothing * (took.count() - job_s_);
    at_work_for_.erase(std::find(at_work_for_.begin(), at_work_for_.end(), owner));
    finished_.notify_all();
  }
}

/// Under the lock; somebody waits.
std::unique_ptr<PasswordPool::Job> PasswordPool::take() {
  const std::chrono::duration<double> backlog{static_cast<double>(queue_.size()) * job_s_ / config_.threads};
  const bool in_order =
      backlog <= config_.in_order || Monotonic::now() - queue_.front()->since > config_.patience;
  auto job = std::move(in_order ? queue_.front() : queue_.back());
  in_order ? queue_.pop_front() : queue_.pop_back();
  --reserved_;
  return job;
}

std::size_t PasswordPool::waiting() const {
  const std::lock_guard lock{mutex_};
  return queue_.size();
}

double PasswordPool::backlog_s() const {
  const std::lock_guard lock{mutex_};
  return static_cast<double>(queue_.size()) * job_s_ / config_.threads;
}

void PasswordPool::forget(Executor executor) {
  const void* const owner = &executor.context();
  std::deque<std::unique_ptr<Job>> dropped;  // destroyed here, on the thread that their coroutines belong to
  std::unique_lock lock{mutex_};
  for (auto& job : queue_) {
    if (job->owner == owner) dropped.push_back(std::move(job));
  }
  reserved_ -= std::erase(queue_, nullptr);
  finished_.wait(
      lock, [&] { return std::find(at_work_for_.begin(), at_work_for_.end(), owner) == at_work_for_.end(); });
}

bool PasswordPool::reserve() {
  const std::lock_guard lock{mutex_};
  const bool room = reserved_ < config_.queue_max;
  ++(room ? reserved_ : refused_);
  return room;
}

void PasswordPool::push(std::unique_ptr<Job> job) {
  {
    const std::lock_guard lock{mutex_};
    queue_.push_back(std::move(job));
  }
  ready_.notify_one();
}

std::uint64_t PasswordPool::refused() const {
  const std::lock_guard lock{mutex_};
  return refused_;
}

template <class Result, class Work>
Task<std::optional<Result>> PasswordPool::submit(server::ProcessorContext processor, Work work) {
  if (!reserve()) co_return std::nullopt;
  const server::Aside aside{processor};
  // Filled in by the job before it posts, read here after it has posted.
  const auto result = std::make_shared<std::optional<Result>>();
  auto start = [&](auto handler) {
    using Handler = decltype(handler);
    struct WorkJob final : Job {
      WorkJob(Executor ex, Handler h, Work w, std::shared_ptr<std::optional<Result>> r)
          : Job(ex), guard(ex), handler(std::move(h)), work(std::move(w)), result(std::move(r)) {}
      void run() noexcept override {
        try {
          *result = work();
        } catch (const std::exception&) {  // no memory: as good as busy
        }
        asio::post(guard.get_executor(), std::move(handler));
      }
      asio::executor_work_guard<Executor> guard;
      Handler handler;
      Work work;
      std::shared_ptr<std::optional<Result>> result;
    };
    push(std::make_unique<WorkJob>(processor.executor, std::move(handler), std::move(work), result));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void()>(start, use_task);
  co_return std::move(*result);
}

Task<std::optional<bool>> PasswordPool::verify(server::ProcessorContext processor, std::string password,
                                               std::string stored) {
  const auto cost = cost_of(stored);
  if (cost && is_quick(*cost)) {
    const Secret secret{std::move(password)};
    co_return verify_password(secret.text(), stored);
  }
  auto work = [secret = Secret{std::move(password)}, stored = std::move(stored)] {
    return verify_password(secret.text(), stored);
  };
  co_return co_await submit<bool>(processor, std::move(work));
}

Task<std::optional<std::string>> PasswordPool::hash(server::ProcessorContext processor,
                                                    std::string password) {
  auto work = [secret = Secret{std::move(password)}, cost = config_.cost] {
    return hash_password(secret.text(), cost);
  };
  return submit<std::string>(processor, std::move(work));
}

}  // namespace sluice::auction::web

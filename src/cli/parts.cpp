#include "cli/parts.hpp"

#include <utility>

namespace waybill::cli {

Result<std::unique_ptr<Store>> open_store(const Config& config, Clock& clock, Log& log, Metrics& metrics,
                                          WorkSignal& signal, FatalStoreError on_fatal) {
    if (config.has_mongo()) {
        mongo::MongoOptions options = config.mongo;
        options.on_command = [&metrics] { metrics.store_commands.Increment(); };
        return mongo::open_mongo_store(options, clock, log);
    }
    sqlite::SqliteOptions options = config.store;
    options.on_fatal = std::move(on_fatal);
    if (config.fulfilment.url.empty() && !config.has_sqs()) {
        options.process_at_once = true;
        options.on_processed = [&metrics, &signal](std::size_t orders) {
            metrics.orders_processed.Increment(static_cast<double>(orders));
            signal.notify(WorkKind::send_mail);
        };
    }
    return sqlite::open_sqlite_store(options, clock, log);
}

Result<std::unique_ptr<Store>> open_store_for_command(const Config& config, Clock& clock, Log& log) {
    if (config.has_mongo()) return mongo::open_mongo_store(config.mongo, clock, log);
    sqlite::SqliteOptions options = config.store;
    options.access = sqlite::Access::command;
    return sqlite::open_sqlite_store(options, clock, log);
}

Result<SharedMemory> make_shared_memory(const Config& config, Clock& clock, Log& log) {
    SharedMemory memory;
    memory.local_limiter = local::make_memory_limiter({}, clock);
    if (!config.has_redis()) {
        memory.cache = local::make_memory_cache(config.cache, clock);
        return memory;
    }
    Result<std::shared_ptr<redis::Redis>> redis = redis::open_redis(config.redis, clock, log);
    if (!redis) return std::unexpected(redis.error());
    memory.cache = redis::make_redis_cache(*redis);
    memory.limiter = redis::make_redis_limiter(*redis, *memory.local_limiter);
    memory.redis = *std::move(redis);
    return memory;
}

std::unique_ptr<Queue> make_queue(const Config& config, Clock& clock, Log& log) {
    return config.has_sqs() ? aws::make_sqs_queue(config.sqs, clock, log) : nullptr;
}

std::unique_ptr<Mailer> make_mailer(const Config& config, Clock& clock, Log& log) {
    if (config.has_smtp()) return smtp::make_smtp_mailer(config.smtp, clock, log);
    if (config.has_ses()) return aws::make_ses_mailer(config.ses, clock, log);
    return local::make_mail_folder({config.data_dir / "mail", config.mail_in_flight_max}, log);
}

std::unique_ptr<Fulfilment> make_fulfilment(const Config& config, Clock& clock, Log& log) {
    if (config.fulfilment.url.empty()) return local::make_accepting_fulfilment();
    return webcall::make_webcall_fulfilment(config.fulfilment, clock, log);
}

}  // namespace waybill::cli

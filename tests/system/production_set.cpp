#include "tests/system/production_set.hpp"

#include <boost/json.hpp>

#include <stdexcept>

namespace waybill::system_test {

namespace {

namespace json = boost::json;

constexpr std::size_t connections_to_redis = 2;  // --redis-connections

// The queue, and one for its dead letters. More receives than --attempts-max, so that the store gives an
// order up before the queue does.
std::string make_queues(testing::AwsDoubles& aws, bool fifo) {
    const std::string ending = fifo ? ".fifo" : "";
    const std::string dead = "orders-dead" + ending;
    (void)aws.make_queue("sqs", dead);
    const std::string redrive = R"("RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:)" +
                                dead + R"(\",\"maxReceiveCount\":20}")";
    return aws.make_queue("sqs", "orders" + ending, redrive);
}

std::uint16_t port_of(const std::string& url) {
    return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
}

std::string identity_of(const std::string& raw) {
    static const std::string name = "X-Waybill-Mail-Id: ";
    const std::size_t found = raw.find(name);
    if (found == std::string::npos) return {};
    const std::size_t begin = found + name.size();
    return raw.substr(begin, raw.find("\r\n", begin) - begin);
}

}  // namespace

ProductionSet::Folder::~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}

ProductionSet::ProductionSet(const ProductionOptions& options)
    : ways_(options.lasting ? std::make_unique<Ways>() : nullptr),
      mongo_(*clock_, {.advertised_port = ways_ ? ways_->mongo.port() : std::uint16_t{0}}) {
    if (ways_) {
        ways_->mongo.set_target(mongo_.port());
        ways_->redis.set_target(static_cast<std::uint16_t>(redis_.port()));
        ways_->sqs.set_target(port_of(aws_.url("sqs")));
        ways_->ses.set_target(port_of(aws_.url("ses")));
    }
    queue_url_ = make_queues(aws_, options.fifo);
    aws_.admin("POST /ses", R"({"identities":{")" + sender + R"(":true}})");
    const auto make = [&](const std::string& role, std::size_t index) {
        const std::uint16_t port = options.lasting ? testing::find_lasting_port() : std::uint16_t{0};
        std::vector<std::string> arguments{"serve", "--role=" + role, "--listen", "127.0.0.1:" + std::to_string(port)};
        arguments.insert(arguments.end(), options.flags.begin(), options.flags.end());
        return std::make_unique<ServerProcess>(folder_.path, role + std::to_string(index), arguments, environment());
    };
    for (std::size_t i = 0; i < options.apis; ++i) apis_.push_back(make("api", i));
    for (std::size_t i = 0; i < options.workers; ++i) workers_.push_back(make("worker", i));
    for (ServerProcess* process : processes()) process->launch();
    if (options.seeded && run({"seed"}).exit_status != 0) throw std::runtime_error("waybill seed failed");
    for (ServerProcess* process : processes()) process->await_listening();
    // On a busy machine they may serve before they have reached Redis, and until then each counts and
    // caches for itself.
    const std::size_t connections = connections_to_redis * processes().size() + 1;  // and redis-cli's own
    const std::string connected = "connected_clients:" + std::to_string(connections) + "\r\n";
    if (!eventually([&] { return redis_.command({"INFO", "clients"}).find(connected) != std::string::npos; })) {
        throw std::runtime_error("not every process has reached Redis: " + redis_.command({"INFO", "clients"}));
    }
}

std::vector<ServerProcess*> ProductionSet::processes() const {
    std::vector<ServerProcess*> all;
    for (const auto& process : apis_) all.push_back(process.get());
    for (const auto& process : workers_) all.push_back(process.get());
    return all;
}

std::vector<std::string> ProductionSet::environment() const {
    const auto way_to = [](const testing::TcpProxy& way, const std::string& scheme) {
        return scheme + "127.0.0.1:" + std::to_string(way.port());
    };
    const std::string redis = redis_.url();
    return {"MONGO_URI=" + (ways_ ? way_to(ways_->mongo, "mongodb://") + "/?replicaSet=rs0" : mongo_.uri()),
            "REDIS_URL=" + (ways_ ? way_to(ways_->redis, redis.substr(0, redis.find('@') + 1)) : redis),
            "JWT_SECRET=0123456789abcdef0123456789abcdef",
            std::string{"AWS_ACCESS_KEY_ID="} + testing::AwsDoubles::key_id,
            std::string{"AWS_SECRET_ACCESS_KEY="} + testing::AwsDoubles::secret,
            std::string{"AWS_REGION="} + testing::AwsDoubles::region,
            "SQS_QUEUE_URL=" + queue_url_,
            "SENDER_VERIFIED_EMAIL=" + sender,
            "AWS_ENDPOINT_URL_SQS=" + (ways_ ? way_to(ways_->sqs, "http://") : aws_.url("sqs")),
            "AWS_ENDPOINT_URL_SESV2=" + (ways_ ? way_to(ways_->ses, "http://") : aws_.url("ses"))};
}

ProcessResult ProductionSet::run(const std::vector<std::string>& arguments, const std::string& input) const {
    return run_waybill(arguments, input, environment());
}

std::string ProductionSet::call_queue(const std::string& action, const std::string& members) {
    return aws_.admin("POST /sqs", R"({"action":")" + action + R"(","body":{"QueueUrl":")" + queue_url_ + "\"" +
                                       (members.empty() ? "" : ",") + members + "}}");
}

std::vector<SentMail> ProductionSet::mails() const {
    std::vector<SentMail> mails;
    const json::value kept = json::parse(aws_.admin("GET /raw-mails"));
    for (const json::value& mail : kept.as_array()) {
        const std::string raw{mail.at("raw").as_string()};
        mails.push_back({identity_of(raw), std::string{mail.at("to").at(0).as_string()}, raw});
    }
    return mails;
}

}  // namespace waybill::system_test

module Sidekiq; end
